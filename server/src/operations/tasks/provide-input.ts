import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskProvideInputInput, taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { inputRequest } from '@tony/mcp-shared/tasks'
import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { findTask, notifyClaimable } from '../../domain/tasks/lease.ts'
import { requeueColumns } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { requestWake } from '../../domain/wakes/request-wake.ts'
import { iso } from '../../platform/times.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'
import { fromStatuses, refuseTransition } from './transitions.ts'

const storeAnswer = statement(
  ({ db, t, p }: StatementParts<{ ord: number; asked: string; input: string; now: number }>) =>
    db
      .update(t.tasks)
      .set({ ...requeueColumns(t, p.now), inputRequest: null, input: p.input })
      .where(
        and(
          eq(t.tasks.ord, p.ord),
          inLiterals(t.tasks.status, fromStatuses('provideInput')),
          // The question that was read and answered: the task may have asked another one since.
          eq(t.tasks.inputRequest, p.asked),
        ),
      )
      .returning()
      .prepare(),
)

/** A stored question, with the answer to use if none is given. */
const storedInputRequest = inputRequest.extend({ defaultAnswer: z.unknown().optional() })

/** An answer with the id of its agent; null for a default and for a developer without an agent. */
interface Answer {
  readonly answer: unknown
  readonly by: string | null
  /** True for the default answer. */
  readonly isDefault: boolean
}

/**
 * Returns a task with its answer to the queue. Returns undefined if the question is not open any
 * more.
 */
async function answerIn(tx: Transaction, row: TaskRow, given: Answer): Promise<TaskRow | undefined> {
  const { ord, inputRequest: asked } = row
  if (asked === null) return undefined
  const { question, by: agentId } = storedInputRequest.parse(JSON.parse(asked))
  const input = JSON.stringify({ question, answer: given.answer, by: given.by, at: iso(tx.now) })
  const [moved] = await tx.run(storeAnswer, { ord, asked, input, now: tx.now })
  if (!moved) return undefined
  const data = { attempt: moved.attempt, default: given.isDefault, status: moved.status }
  const { id, epic } = moved
  tx.append({ type: 'task.input_provided', subject: id, actor: given.by, taskId: id, epic, data })
  if (moved.ready !== null) notifyClaimable(tx, moved)
  const wake = { reason: 'answer', subject: id, attempt: moved.attempt, fromAgent: given.by, taskId: id } as const
  if (agentId !== null) await requestWake(tx, { project: moved.projectId, agentId, ...wake })
  return moved
}

/** Answers with the default. Returns undefined if there is none. */
export async function answerByDefault(tx: Transaction, row: TaskRow): Promise<TaskRow | undefined> {
  const request = row.inputRequest === null ? {} : storedInputRequest.parse(JSON.parse(row.inputRequest))
  if (!('defaultAnswer' in request)) return undefined
  return answerIn(tx, row, { answer: request.defaultAnswer, by: null, isDefault: true })
}

const otherAttemptError = ({ id, attempt, status }: TaskRow) =>
  new CoordinationError('ILLEGAL_TRANSITION', `task ${id} is in attempt ${attempt}: answer its present question`, {
    status,
  })

/** `tasks.provideInput`: the next attempt gets the answer as its `input`. */
export const provideInput = (
  ctx: Context,
  input: z.output<typeof taskProvideInputInput>,
): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { taskId } = input
    const [known] = await tx.run(findTask, { project, taskId })
    const isOther = ({ attempt }: TaskRow) => input.attempt !== undefined && input.attempt !== attempt
    const given = { answer: input.answer ?? null, by: actorOf(ctx.principal), isDefault: false }
    const row = known && !isOther(known) && (await answerIn(tx, known, given))
    if (!row)
      return refuseTransition(tx, { project, taskId, outcome: 'given an answer' }, (current) =>
        isOther(current) ? otherAttemptError(current) : undefined,
      )
    return { taskId, status: taskStatusOf(row), revision: row.revision }
  })
