import { rankOfMode } from '@tony/mcp-shared/messages'
import type { wakeAnnounceInput, wakeAnnounceOutput } from '@tony/mcp-shared/wakes'
import { and, eq, isNull, lte, notExists } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { deleteIdleSession, recordSessionSign } from '../../domain/wakes/end-wakes.ts'
import { openWakesOf, toOpenWake, wakeLimit } from '../../domain/wakes/open-wakes.ts'
import { requestWake } from '../../domain/wakes/request-wake.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { placeholder, rowlessStatement, type StatementParts, statement } from '../../store/store.ts'

const markIdle = rowlessStatement(
  ({ db, t, p }: StatementParts<{ agentId: string; project: string; now: number; takesTasks: number }>) =>
    db
      .insert(t.idleSessions)
      .values({ agentId: p.agentId, projectId: p.project, since: p.now, takesTasks: p.takesTasks })
      .onConflictDoUpdate({ target: t.idleSessions.agentId, set: { takesTasks: p.takesTasks } })
      .prepare(),
)

/** Messages that steer and that no model has seen. Most of them came while the session worked. */
const findUnseenMessages = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; steer: number; limit: number }>) =>
    db
      .select({ id: t.messages.id, fromAgent: t.messages.fromAgent, taskId: t.messages.taskId })
      .from(t.messages)
      .where(
        and(
          eq(t.messages.toAgent, p.agentId),
          inLiterals(t.messages.status, ['pending', 'delivered']),
          lte(t.messages.mode, p.steer),
          isNull(t.messages.shownAt),
          notExists(db.select({ id: t.wakes.id }).from(t.wakes).where(eq(t.wakes.subject, t.messages.id))),
        ),
      )
      .orderBy(t.messages.ord)
      .limit(placeholder('limit'))
      .prepare(),
)

/**
 * `wakes.announce`: a session reports if it is idle and if it was active. Only activity makes its
 * requested wakes `woken`; a bridge that has restarted takes the open ones over.
 */
export function announceSession(
  ctx: Context,
  { idle, active, takesTasks }: z.output<typeof wakeAnnounceInput>,
): Promise<z.output<typeof wakeAnnounceOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const { project } = ctx.principal
  return ctx.transact(async (tx) => {
    if (active) await recordSessionSign(tx, agentId)
    if (!idle) await deleteIdleSession(tx, agentId)
    else {
      await tx.run(markIdle, { agentId, project, now: tx.now, takesTasks: takesTasks ? 1 : 0 })
      const messages = await tx.run(findUnseenMessages, { agentId, steer: rankOfMode('steer'), limit: wakeLimit })
      for (const { id, fromAgent, taskId } of messages)
        await requestWake(tx, { project, agentId, reason: 'message', subject: id, attempt: 0, fromAgent, taskId })
    }
    return { wakes: (await openWakesOf(tx, agentId)).map(toOpenWake) }
  })
}
