import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskTransitionOutput, taskVerifyInput } from '@tony/mcp-shared/task-changes'
import { and, eq, isNull, ne, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { notifyClaimable } from '../../domain/tasks/lease.ts'
import { requeueColumns } from '../../domain/tasks/queue-columns.ts'
import { iso } from '../../platform/times.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { recordCompletion } from './complete.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses, refuseTransition } from './transitions.ts'

interface Verdict {
  project: string
  taskId: string
  /** Id of the verifying agent, '' for none. */
  by: string
  review: string
  now: number
}

/** Matches a task in review that another agent completed. */
const isReviewableSql = ({ t, p }: Pick<StatementParts<Verdict>, 't' | 'p'>, transition: 'accept' | 'reject') =>
  and(
    eq(t.tasks.id, p.taskId),
    eq(t.tasks.projectId, p.project),
    inLiterals(t.tasks.status, fromStatuses(transition)),
    or(isNull(t.tasks.agentId), ne(t.tasks.agentId, p.by)),
  )

const acceptResult = statement(({ db, t, p }: StatementParts<Verdict>) =>
  db
    .update(t.tasks)
    .set({ status: 'completed', completedAt: p.now, review: p.review, revision: sql`${t.tasks.revision} + 1` })
    .where(isReviewableSql({ t, p }, 'accept'))
    .returning()
    .prepare(),
)

const rejectResult = statement(({ db, t, p }: StatementParts<Verdict>) =>
  db
    .update(t.tasks)
    // Without its token: a repeated `complete` must not complete a rejected task.
    .set({ ...requeueColumns(t, p.now), review: p.review, leaseToken: null, leaseExpiresAt: null })
    .where(isReviewableSql({ t, p }, 'reject'))
    .returning()
    .prepare(),
)

/** `tasks.verify`: ends a task in review, or returns it to the queue without a failure. */
export const verifyTask = (
  ctx: Context,
  input: z.output<typeof taskVerifyInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { taskId, note = null } = input
    const actor = actorOf(ctx.principal)
    const review = JSON.stringify({ accept: input.accept, note, by: actor, at: iso(tx.now) })
    const verdict = { project, taskId, by: actor ?? '', review, now: tx.now }
    const [row] = await tx.run(input.accept ? acceptResult : rejectResult, verdict)
    if (!row) {
      return refuseTransition(tx, { project, taskId, outcome: 'verified' }, ({ status }) =>
        status === 'in_review'
          ? new CoordinationError(
              'FORBIDDEN',
              `the agent that completed task ${taskId} cannot verify it: another agent must`,
            )
          : undefined,
      )
    }
    const { agentId, epic } = row
    // A row without this column has the result of its latest attempt.
    const attempt = row.resultAttempt ?? row.attempt
    if (input.accept) {
      await recordCompletion(tx, row, { attempt, agentId, actor })
    } else {
      const data = { attempt, agentId, note, status: row.status }
      tx.append({ type: 'task.rejected', subject: taskId, actor, taskId, epic, data })
      if (row.ready !== null) notifyClaimable(tx, row)
    }
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
