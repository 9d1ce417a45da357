import type { wakeAttemptInput, wakeAttemptOutput } from '@tony/mcp-shared/wakes'
import { and, eq, isNull, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { endWake } from '../../domain/wakes/end-wakes.ts'
import { openWakesOf, triedProvidersOf, type WakeRow } from '../../domain/wakes/open-wakes.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'

const storeTried = rowlessStatement(({ db, t, p }: StatementParts<{ id: string; tried: string }>) =>
  db.update(t.wakes).set({ tried: p.tried }).where(eq(t.wakes.id, p.id)).prepare(),
)

const findUnseenMessage = statement(({ db, t, p }: StatementParts<{ messageId: string; now: number }>) =>
  db
    .select({ id: t.messages.id })
    .from(t.messages)
    .where(
      and(
        eq(t.messages.id, p.messageId),
        inLiterals(t.messages.status, ['pending', 'delivered']),
        isNull(t.messages.shownAt),
        or(isNull(t.messages.expiresAt), sql`${t.messages.expiresAt} > ${p.now}`),
      ),
    )
    .prepare(),
)

/** True if the session finds something to read or to do when it wakes. */
const hasUnseenSubject = async (tx: Transaction, { reason, subject }: WakeRow): Promise<boolean> =>
  reason !== 'message' || (await tx.run(findUnseenMessage, { messageId: subject, now: tx.now })).length > 0

/**
 * `wakes.attempt`: records a provider before it is tried, so that no restart tries it twice. Wakes
 * without anything to read end here.
 */
export function attemptWake(
  ctx: Context,
  { wakeIds, provider }: z.output<typeof wakeAttemptInput>,
): Promise<z.output<typeof wakeAttemptOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const wanted = new Set(wakeIds)
  return ctx.transact(async (tx) => {
    const attempted: string[] = []
    for (const row of (await openWakesOf(tx, agentId)).filter(({ id }) => wanted.has(id))) {
      if (!(await hasUnseenSubject(tx, row))) {
        await endWake(tx, row.id, 'unavailable')
        continue
      }
      const tried = triedProvidersOf(row)
      if (tried.includes(provider)) continue
      await tx.run(storeTried, { id: row.id, tried: [...tried, provider].join(',') })
      attempted.push(row.id)
    }
    return { wakeIds: attempted }
  })
}
