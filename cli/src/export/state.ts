import type { Task } from '@tony/mcp-client'
import type { PlannedTask } from '@tony/mcp-shared/plans'

/** The state of a task as a plan has it: an import of the file must bring it back. */
export interface ExportedState {
  readonly status: PlannedTask['status']
  readonly hold: string | undefined
  /** True if an agent has the task, or its result waits for a verdict. */
  readonly isTaken: boolean
}

export function stateOf(task: Pick<Task, 'status' | 'hold'>): ExportedState {
  const { status } = task
  if (status === 'completed' || status === 'failed' || status === 'cancelled')
    return { status, hold: undefined, isTaken: false }
  const isTaken = status === 'in_progress' || status === 'input_required' || status === 'in_review'
  return { status: 'pending', hold: task.hold?.reason, isTaken }
}

/** A time to wait for after a failure is a backoff of this server, and no part of the plan. */
export const plannedNotBefore = ({ notBefore, failures }: Pick<Task, 'notBefore' | 'failures'>): string | null =>
  failures > 0 ? null : notBefore

const valueTextOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

export interface OutcomeRemark {
  readonly text: string
  readonly at: string
}

/**
 * Returns the remarks about a task here, for people: its result, its error, its question and its
 * review. The times are those of the task, so that two exports are equal.
 */
export function outcomeRemarksOf(task: Task, nameOf: (agentId: string | null) => string | undefined): OutcomeRemark[] {
  const { result, error, progress, input, inputRequest, review, artifacts } = task
  const ended = task.completedAt ?? task.createdAt
  const by = nameOf(task.claimedBy) ?? 'an agent'
  const products = artifacts.map(({ name, uri }) => `${name} ${uri}`).join(', ')
  return [
    ...(result === null || result === undefined
      ? []
      : [{ text: `Result of ${by}: ${valueTextOf(result)}`, at: ended }]),
    ...(products === '' ? [] : [{ text: `Artifacts: ${products}`, at: ended }]),
    ...(error === null || error === '' ? [] : [{ text: `Error: ${error}`, at: ended }]),
    ...(progress?.message ? [{ text: `Progress: ${progress.message}`, at: ended }] : []),
    ...(inputRequest ? [{ text: `Question: ${inputRequest.question}`, at: inputRequest.at }] : []),
    ...(input ? [{ text: `Question: ${input.question} Answer: ${valueTextOf(input.answer)}`, at: input.at }] : []),
    ...(review
      ? [
          {
            text: `Review: ${review.accept ? 'accepted' : 'rejected'}${review.note ? `: ${review.note}` : ''}`,
            at: review.at,
          },
        ]
      : []),
  ]
}
