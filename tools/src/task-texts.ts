import { toUntrustedText } from '@tony/mcp-shared/untrusted-text'
import type { Task } from './calls.ts'
import { type OutputBudget, shareOutBudget } from './output-budget.ts'
import { fittingPartOf, type LongText } from './text-part.ts'

/**
 * Returns the label of an agent. With the incarnation that wrote a text, the label marks a text
 * from before the agent's last registration.
 */
export type AgentLabeler = (id: string | null, incarnation?: number | null) => string

/** The texts of a task that may be too long for one output. */
export const textFields = [
  'description',
  'acceptanceCriteria',
  'design',
  'notes',
  'result',
  'error',
  'progress',
  'question',
  'answer',
  'review',
  'metadata',
] as const
export type TextField = (typeof textFields)[number]

const answererOf = ({ input }: Task, nameOf: AgentLabeler): string =>
  input?.by === null ? 'the operator, or the default answer' : nameOf(input?.by ?? null)

/** The value of each text of a task, and its author. An absent text is null. */
const textSources: Readonly<Record<TextField, (task: Task, nameOf: AgentLabeler) => readonly [unknown, string]>> = {
  description: (task, nameOf) => [task.description, `task written by ${nameOf(task.createdBy)}`],
  acceptanceCriteria: (task, nameOf) => [task.acceptanceCriteria, `task written by ${nameOf(task.createdBy)}`],
  design: (task, nameOf) => [task.design, `task written by ${nameOf(task.createdBy)}`],
  notes: (task, nameOf) => [task.notes, `task written by ${nameOf(task.createdBy)}`],
  result: (task, nameOf) => [task.result, `result of ${nameOf(task.claimedBy)}`],
  error: (task, nameOf) => [task.error, `error of ${nameOf(task.claimedBy)}`],
  progress: ({ progress, claimedBy }, nameOf) => [
    progress && { percent: progress.percent, message: progress.message, details: progress.details },
    claimedBy === null ? 'progress of the attempt before' : `progress of ${nameOf(claimedBy)}`,
  ],
  question: ({ inputRequest, input }, nameOf) =>
    inputRequest
      ? [inputRequest.question, `question of ${nameOf(inputRequest.by)}`]
      : [input?.question ?? null, 'your question, or that of an attempt before'],
  answer: (task, nameOf) => [task.input?.answer ?? null, `answer of ${answererOf(task, nameOf)}`],
  review: ({ review }, nameOf) => [
    review && (review.note ?? 'no reason given'),
    `review of ${nameOf(review?.by ?? null)}`,
  ],
  // A worker has no use for the parts of its record in the file of a plan.
  metadata: ({ metadata: { importedFrom: _, ...metadata } }) => [metadata, 'metadata of the task'],
}

/** The meaning of the texts that say what to do. The others are data. */
const textKinds: { readonly [field in TextField]?: string } = {
  description: 'what to do',
  acceptanceCriteria: 'when it is done',
  design: 'how to do it',
  notes: 'what else to know',
}

/** Returns a text of a task; undefined if the task has none. */
export function taskTextOf(task: Task, field: TextField, nameOf: AgentLabeler, from = 0): LongText | undefined {
  const [value, source] = textSources[field](task, nameOf)
  if (value === null || value === undefined) return undefined
  return {
    text: toUntrustedText(value),
    from,
    source,
    kind: textKinds[field],
    rest: (offset) => `call explain with taskId "${task.id}", text "${field}" and offset ${offset}`,
  }
}

/** The agents whose names the texts of a task need. */
export const authorIdsOf = ({ createdBy, claimedBy, input, inputRequest, review }: Task): (string | null)[] => [
  createdBy,
  claimedBy,
  input?.by ?? null,
  inputRequest?.by ?? null,
  review?.by ?? null,
]

/**
 * Shows texts side by side as far as the budget reaches. Short ones are shown whole, and the others
 * get the same share of the rest each.
 */
export function showTexts(texts: readonly LongText[], budget: OutputBudget): string[] {
  const costs = texts.map((long) => budget.costOf(fittingPartOf(long, budget, Number.POSITIVE_INFINITY).shown))
  const allowances = shareOutBudget(costs, budget.left)
  const shown = texts.map((long, index) => fittingPartOf(long, budget, allowances[index] ?? 0).shown)
  for (const text of shown) budget.spend(text)
  return shown
}
