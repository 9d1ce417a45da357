import type { taskFailInput, taskFailOutput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { failDependents } from '../../domain/tasks/dependents.ts'
import { failureColumns } from '../../domain/tasks/failure.ts'
import { type LeaseParams, matchesHeldLeaseSql, refuseLease, settleEndedLease } from '../../domain/tasks/lease.ts'
import { isoOrNull } from '../../platform/times.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'

interface FailParams extends LeaseParams {
  error: string
  retryable: number
  /** The fraction [0, 1) of the longest backoff: full jitter. */
  jitter: number
  /** Null means the backoff. */
  delayMs: number | null
  now: number
}

const failAttempt = statement(({ db, t, p }: StatementParts<FailParams>) =>
  db.update(t.tasks).set(failureColumns(t, p)).where(matchesHeldLeaseSql({ t, p })).returning().prepare(),
)

/**
 * `tasks.fail`: returns a task to the queue after a backoff, or ends it if the failure is final or
 * no attempt is left.
 */
export function failTask(
  ctx: Context,
  input: z.output<typeof taskFailInput>,
): Promise<z.output<typeof taskFailOutput>> {
  const { taskId, leaseToken, error } = input
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  const retryable = input.retryable ? 1 : 0
  const jitter = ctx.clock.random()
  return ctx.transact(async (tx) => {
    const params = {
      project,
      taskId,
      leaseToken,
      agentId,
      error,
      retryable,
      jitter,
      delayMs: input.nextRetryDelayMs ?? null,
      now: tx.now,
    }
    const [row] = await tx.run(failAttempt, params)
    if (!row) return refuseLease(tx, project, taskId)
    const status = taskStatusOf(row)
    const retryAt = isoOrNull(row.notBefore)
    const failure = { attempt: row.attempt, agentId, failures: row.failures, error }
    const eventFields = { subject: taskId, actor: agentId, taskId, epic: row.epic }
    if (status === 'failed') tx.append({ type: 'task.failed', ...eventFields, data: failure })
    else tx.append({ type: 'task.retried', ...eventFields, data: { ...failure, retryAt, status } })
    await settleEndedLease(tx, row)
    if (status === 'failed') await failDependents(tx, [row], agentId)
    return { taskId, status, retryAt }
  })
}
