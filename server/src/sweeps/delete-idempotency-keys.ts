import { and, eq, inArray, lte } from 'drizzle-orm'
import { projectHashOf } from '../store/idempotency-slot.ts'
import { type StatementParts, type Store, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const retentionMs = 86_400_000

const findOldestKeys = statement(({ db, t, p }: StatementParts<{ project: number; before: number }>) =>
  db
    .select({ at: t.idempotencyKeys.at })
    .from(t.idempotencyKeys)
    .where(and(eq(t.idempotencyKeys.project, p.project), lte(t.idempotencyKeys.at, p.before)))
    .orderBy(t.idempotencyKeys.at)
    .limit(sweepLimit)
    .prepare(),
)

const deleteKeys = statement(({ db, t, p }: StatementParts<{ project: number; through: number }>) =>
  db
    .delete(t.idempotencyKeys)
    .where(and(eq(t.idempotencyKeys.project, p.project), lte(t.idempotencyKeys.at, p.through)))
    .returning({ at: t.idempotencyKeys.at })
    .prepare(),
)

/** Deletes the oldest keys. Those of one time, as of a commit, are deleted together. */
async function deleteHashedKeys(store: Store, project: string): Promise<number> {
  const hash = projectHashOf(project)
  const old = await store.read((reader) =>
    reader.run(findOldestKeys, { project: hash, before: reader.now - retentionMs }),
  )
  const through = old.at(-1)?.at
  if (through === undefined) return 0
  return (await store.transact({ project }, (tx) => tx.run(deleteKeys, { project: hash, through }))).length
}

/** Deletes the keys that are stored with their text. */
async function deleteTextKeys(store: Store, project: string): Promise<number> {
  const old = await store.read(({ db, t, now }) =>
    db
      .select({ key: t.idempotency.key })
      .from(t.idempotency)
      .where(and(eq(t.idempotency.projectId, project), lte(t.idempotency.createdAt, now - retentionMs)))
      .limit(sweepLimit),
  )
  if (old.length === 0) return 0
  return store.transact({ project }, async ({ db, t, now }) => {
    const keys = old.map(({ key }) => key)
    await db
      .delete(t.idempotency)
      .where(
        and(
          eq(t.idempotency.projectId, project),
          inArray(t.idempotency.key, keys),
          lte(t.idempotency.createdAt, now - retentionMs),
        ),
      )
    return old.length
  })
}

/** Deletes idempotency keys 24 h after their first use. */
export const deleteIdempotencyKeys: Sweep = {
  name: 'delete-idempotency-keys',
  everyMs: 60_000,
  batch: async ({ store }, project) =>
    Math.max(await deleteHashedKeys(store, project), await deleteTextKeys(store, project)),
}
