import { and, eq, inArray, lte } from 'drizzle-orm'
import { type Sweep, sweepLimit } from './runner.ts'

const retentionMs = 86_400_000

/** Deletes idempotency keys after 24 h. */
export const deleteIdempotencyKeys: Sweep = {
  name: 'delete-idempotency-keys',
  everyMs: 60_000,
  batch: async ({ store }, project) => {
    const old = await store.read(({ db, t, now }) =>
      db
        .select({ principal: t.idempotency.principal, procedure: t.idempotency.procedure, key: t.idempotency.key })
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
  },
}
