import { and, eq, lte } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'

const timeOut = statement(({ db, t, p }: Query<{ requestId: string; now: number }>) =>
  db
    .update(t.requests)
    .set({ status: 'timed_out' })
    .where(
      and(
        eq(t.requests.id, p.requestId),
        equalsLiteral(t.requests.status, 'waiting'),
        lte(t.requests.deadlineAt, p.now),
      ),
    )
    .returning({ method: t.requests.method, from: t.requests.fromAgent, to: t.requests.toAgent })
    .prepare(),
)

/** The agents that may see the events of a request: its sender and its recipient. */
export const requestParticipantsOf = (from: string | null, to: string): readonly string[] =>
  from === null ? [to] : [from, to]

/** Ends the wait for a reply whose deadline has passed. A later reply is still accepted. */
export async function timeOutIn(tx: Transaction, requestId: string): Promise<void> {
  const [row] = await tx.run(timeOut, { requestId, now: tx.now })
  if (!row) return
  tx.append({
    type: 'request.timed_out',
    subject: requestId,
    actor: null,
    audience: requestParticipantsOf(row.from, row.to),
    data: { method: row.method },
  })
  tx.notify({ topic: 'reply', requestId })
}
