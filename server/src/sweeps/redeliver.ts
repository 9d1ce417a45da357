import { and, eq, lte } from 'drizzle-orm'
import { nakOverdueDeliveries } from '../operations/messages/end-delivery.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { type StatementParts, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findOverdueDelivery = statement(({ db, t, p }: StatementParts<{ project: string; now: number }>) =>
  db
    .select({ ord: t.messages.ord })
    .from(t.messages)
    .where(
      and(
        equalsLiteral(t.messages.status, 'delivered'),
        lte(t.messages.ackBy, p.now),
        eq(t.messages.projectId, p.project),
      ),
    )
    .limit(1)
    .prepare(),
)

/**
 * Ends deliveries whose ack deadline has passed: the message returns to its inbox or, after its
 * last delivery, becomes a dead letter.
 */
export const redeliver: Sweep = {
  name: 'redeliver',
  everyMs: 250,
  batch: async ({ store, clock }, project) => {
    const overdue = await store.read((reader) => reader.run(findOverdueDelivery, { project, now: reader.now }))
    if (overdue.length === 0) return 0
    return store.transact({ project }, (tx) => nakOverdueDeliveries(tx, project, sweepLimit, () => clock.random()))
  },
}
