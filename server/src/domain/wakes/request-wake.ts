import { type WakeReason, wakePolicy } from '@tony/mcp-shared/wakes'
import { and, eq, gt, or, type SQLWrapper } from 'drizzle-orm'
import { uuidv7 } from '../../platform/uuid.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { recordWakeEvent } from './wake-event.ts'

export interface NewWake {
  readonly project: string
  readonly agentId: string
  readonly reason: WakeReason
  /** Id of the message or the task. */
  readonly subject: string
  /** The attempt of the task; 0 for a message. */
  readonly attempt: number
  /** The agent that sees the events besides the woken one. */
  readonly fromAgent: string | null
  readonly taskId: string | null
}

const findIdleSession = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ agentId: t.idleSessions.agentId })
    .from(t.idleSessions)
    .where(eq(t.idleSessions.agentId, p.agentId))
    .prepare(),
)

interface RecentWakes extends Pick<StatementParts<object>, 'db' | 't'> {
  readonly agentId: SQLWrapper
  readonly since: SQLWrapper
}

/** The wakes of an agent that are deferred or were requested after a time. */
export const selectRecentWakes = ({ db, t, agentId, since }: RecentWakes) =>
  db
    .select({ id: t.wakes.id })
    .from(t.wakes)
    .where(
      and(eq(t.wakes.agentId, agentId), or(gt(t.wakes.requestedAt, since), equalsLiteral(t.wakes.status, 'deferred'))),
    )

const findRecentWake = statement(({ db, t, p }: StatementParts<{ agentId: string; since: number }>) =>
  selectRecentWakes({ db, t, agentId: p.agentId, since: p.since }).limit(1).prepare(),
)

const insertWake = statement(({ db, t, p }: StatementParts<NewWake & { id: string; status: string; now: number }>) =>
  db
    .insert(t.wakes)
    .values({
      id: p.id,
      projectId: p.project,
      agentId: p.agentId,
      reason: p.reason,
      subject: p.subject,
      attempt: p.attempt,
      fromAgent: p.fromAgent,
      taskId: p.taskId,
      status: p.status,
      requestedAt: p.now,
    })
    .onConflictDoNothing()
    .returning()
    .prepare(),
)

const isUrgentReason = (reason: WakeReason): boolean => wakePolicy.urgentReasons.some((urgent) => urgent === reason)

const hasRecentWake = async (tx: Transaction, agentId: string): Promise<boolean> =>
  (await tx.run(findRecentWake, { agentId, since: tx.now - wakePolicy.intervalMs })).length > 0

/**
 * Requests the wake of an idle session, in the transaction of the change that it is about. Does
 * nothing for an agent that is not idle, or that was woken for this subject before.
 */
export async function requestWake(tx: Transaction, wanted: NewWake): Promise<void> {
  const { agentId, reason } = wanted
  if ((await tx.run(findIdleSession, { agentId })).length === 0) return
  const deferred = !isUrgentReason(reason) && (await hasRecentWake(tx, agentId))
  const status = deferred ? 'deferred' : 'requested'
  const [row] = await tx.run(insertWake, { ...wanted, id: uuidv7(), status, now: tx.now })
  if (row && !deferred) recordWakeEvent(tx, 'wake.requested', row)
}
