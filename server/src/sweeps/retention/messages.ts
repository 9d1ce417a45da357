import { and, eq, gt, notExists, sql } from 'drizzle-orm'
import { isAnyOf } from '../../store/sql-literals.ts'
import { placeholder, type Query, type Store, statement, type Transaction } from '../../store/store.ts'
import { choose, cutoff, type Kept, pageLimit, type Retained } from './progress.ts'

const done = ['acked', 'expired'] as const

const page = statement(({ db, t, p }: Query<{ project: string; after: number; limit: number }>) =>
  db
    .select({
      ord: t.messages.ord,
      status: t.messages.status,
      createdAt: t.messages.createdAt,
      endedAt: t.messages.endedAt,
    })
    .from(t.messages)
    .where(and(eq(t.messages.projectId, p.project), gt(t.messages.ord, p.after)))
    .orderBy(t.messages.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const countDone = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({ messages: sql<number>`coalesce(sum(${t.mailboxes.acked} + ${t.mailboxes.expired}), 0)` })
    .from(t.mailboxes)
    .where(eq(t.mailboxes.projectId, p.project))
    .prepare(),
)

const forgetFailures = statement(({ db, t, p }: Query<{ ord: number }>) =>
  db
    .delete(t.deliveryFailures)
    .where(
      eq(
        t.deliveryFailures.messageId,
        db.select({ id: t.messages.id }).from(t.messages).where(eq(t.messages.ord, p.ord)),
      ),
    )
    .returning({ id: t.deliveryFailures.messageId })
    .prepare(),
)

const remove = statement(({ db, t, p }: Query<{ ord: number }>) =>
  db.delete(t.messages).where(eq(t.messages.ord, p.ord)).returning({ bodyId: t.messages.bodyId }).prepare(),
)

/** A body goes with the last message that has it. */
const removeBody = statement(({ db, t, p }: Query<{ bodyId: string }>) =>
  db
    .delete(t.bodies)
    .where(
      and(
        eq(t.bodies.id, p.bodyId),
        notExists(db.select({ ord: t.messages.ord }).from(t.messages).where(eq(t.messages.bodyId, p.bodyId))),
      ),
    )
    .returning({ id: t.bodies.id })
    .prepare(),
)

const stillDone = statement(({ db, t, p, locked }: Query<{ ord: number }>) =>
  locked(
    db
      .select({ ord: t.messages.ord })
      .from(t.messages)
      .where(and(eq(t.messages.ord, p.ord), isAnyOf(t.messages.status, done))),
  ).prepare(),
)

/** Removes messages whatever their state, with what hangs on them. The mailbox counts them as purged, by its trigger. */
export async function removeMessages(tx: Transaction, rows: readonly { readonly ord: number }[]): Promise<number> {
  for (const { ord } of rows) {
    await tx.run(forgetFailures, { ord })
    for (const { bodyId } of await tx.run(remove, { ord })) if (bodyId !== null) await tx.run(removeBody, { bodyId })
  }
  return rows.length
}

/** Removes messages that were acked or expired long ago, and beyond a number the oldest by sending, walking in that order. */
export async function removeDone(store: Store, project: string, kept: Kept, retained: Retained): Promise<number> {
  const name = `messages of ${project}`
  const after = Number(retained.positions.get(name) ?? 0)
  const { rows, over, before } = await store.read(async (reader) => {
    const [count] = kept.most > 0 ? await reader.run(countDone, { project }) : []
    return {
      rows: await reader.run(page, { project, after, limit: pageLimit }),
      over: count ? count.messages - kept.most : 0,
      before: cutoff(reader.now, kept),
    }
  })
  const isDone = (status: string): boolean => done.some((word) => word === status)
  const { chosen, next } = choose(rows, {
    over,
    before,
    endOf: ({ status, createdAt, endedAt }) => (isDone(status) ? (endedAt ?? createdAt) : null),
  })
  retained.positions.set(name, next)
  if (chosen.length === 0) return 0
  return store.transact({ project, frees: true }, async (tx) => {
    const going: { ord: number }[] = []
    for (const { ord } of chosen) going.push(...(await tx.run(stillDone, { ord })))
    return removeMessages(tx, going)
  })
}
