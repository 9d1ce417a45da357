import { and, eq, lte } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

const markTimedOut = statement(({ db, t, p }: StatementParts<{ requestId: string; now: number }>) =>
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
export async function timeOutRequestIn(tx: Transaction, requestId: string): Promise<void> {
  const [row] = await tx.run(markTimedOut, { requestId, now: tx.now })
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
