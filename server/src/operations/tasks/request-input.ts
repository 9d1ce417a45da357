import type { taskRequestInputInput } from '@tony/mcp-shared/leases'
import type { taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type LeaseParams, matchesHeldLeaseSql, refuseLease, settleEndedLease } from '../../domain/tasks/lease.ts'
import { answerDeadlineSql, dequeueColumns } from '../../domain/tasks/queue-columns.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'

interface RequestInputParams extends LeaseParams {
  /** JSON: an `inputRequest` and, if there is one, the `defaultAnswer`. */
  asked: string
  deadlineMs: number | null
  /** JSON; null keeps the progress of the attempt. */
  progress: string | null
  now: number
}

const storeInputRequest = statement(({ db, t, p }: StatementParts<RequestInputParams>) =>
  db
    .update(t.tasks)
    .set({
      ...dequeueColumns,
      status: 'input_required',
      leaseToken: null,
      leaseExpiresAt: null,
      inputRequest: p.asked,
      progress: sql`coalesce(${p.progress}, ${t.tasks.progress})`,
      timeoutAt: answerDeadlineSql(t, p.now, p.deadlineMs),
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(matchesHeldLeaseSql({ t, p }))
    .returning()
    .prepare(),
)

/** `tasks.requestInput`: releases the lease with a question and without a failure. */
export function requestInput(
  ctx: Context,
  input: z.output<typeof taskRequestInputInput>,
): Promise<z.output<typeof taskTransitionOutput>> {
  const { taskId, leaseToken, question, options = null, deadlineMs = null, defaultAnswer, details } = input
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const deadlineAt = isoOrNull(deadlineMs === null ? null : tx.now + deadlineMs)
    // An absent default leaves no key; a default of null does.
    const asked = JSON.stringify({ question, options, by: agentId, at: iso(tx.now), deadlineAt, defaultAnswer })
    const progress = details === undefined ? null : JSON.stringify({ details })
    const params = { project, taskId, leaseToken, agentId, asked, deadlineMs, progress, now: tx.now }
    const [row] = await tx.run(storeInputRequest, params)
    if (!row) return refuseLease(tx, project, taskId)
    const data = { attempt: row.attempt, agentId, question, deadlineAt }
    tx.append({ type: 'task.input_requested', subject: taskId, actor: agentId, taskId, epic: row.epic, data })
    await settleEndedLease(tx, row)
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
}
