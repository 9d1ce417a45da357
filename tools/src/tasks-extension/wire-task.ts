import type { TaskStatus } from '@tony/mcp-shared/task-statuses'
import { toSingleLine } from '@tony/mcp-shared/untrusted-text'
import type { Task } from '../calls.ts'
import type { OutputBudget } from '../output-budget.ts'
import { authorIdsOf, showTexts, type TextField, taskTextOf } from '../task-texts.ts'
import { loadAgentNames } from '../task-view.ts'
import type { ToolSession } from '../tool-session.ts'

/** Suggested time between two polls, in milliseconds. */
const pollIntervalMs = 5_000

/** The statuses of the extension. Its `failed` is for errors of JSON-RPC alone. */
type WireStatus = 'working' | 'input_required' | 'completed' | 'cancelled'

/** The status of the extension for each of ours. A failed task is a tool call that has failed. */
const wireStatuses: Readonly<Record<TaskStatus, WireStatus>> = {
  blocked: 'working',
  pending: 'working',
  in_progress: 'working',
  in_review: 'working',
  input_required: 'input_required',
  completed: 'completed',
  failed: 'completed',
  cancelled: 'cancelled',
}

/** True if no cancellation or answer can change the task any more. */
export const hasEnded = ({ status }: Task): boolean =>
  wireStatuses[status] === 'completed' || wireStatuses[status] === 'cancelled'

/**
 * Returns the key of a task's question. Each attempt asks at most once, so that no later question
 * has the same key.
 */
export const questionKeyOf = ({ attempt }: Task): string => `question-${attempt}`

/** Returns the time of the last change that a task records. */
const updatedAtOf = ({ completedAt, inputRequest, input, review, createdAt }: Task): string =>
  [completedAt, inputRequest?.at, input?.at, review?.at]
    .filter((at) => at !== null && at !== undefined)
    .reduce((latest, at) => (at > latest ? at : latest), createdAt)

/** Returns the state of a task on one line, with the text that explains it. */
function statusMessageOf({ status, progress, error, inputRequest }: Task): string {
  const percent = progress?.percent === undefined ? '' : `${progress.percent} %`
  const texts: { readonly [status in TaskStatus]?: string | undefined } = {
    in_progress: [percent, progress?.message ?? ''].filter((part) => part !== '').join(', '),
    input_required: inputRequest?.question,
    failed: error ?? undefined,
    cancelled: error ?? undefined,
  }
  const text = texts[status] ?? ''
  return toSingleLine(text === '' ? status : `${status}: ${text}`)
}

/** The texts of a task for one reply, and the way to load the names of their authors. */
interface TextContext {
  readonly toolSession: ToolSession
  readonly budget: OutputBudget
}

/** Returns a text of a task with its author, as far as the host shows it; empty without one. */
async function showText(task: Task, field: TextField, { toolSession, budget }: TextContext): Promise<string> {
  const nameOf = await loadAgentNames(toolSession, authorIdsOf(task))
  const long = taskTextOf(task, field, nameOf)
  return long ? (showTexts([long], budget)[0] ?? '') : ''
}

/** Returns the question of a task as a form with one field. */
async function inputRequestsOf(task: Task, texts: TextContext): Promise<object> {
  const options = task.inputRequest?.options?.map(toSingleLine) ?? []
  const answer = {
    type: 'string',
    title: 'Answer',
    ...(options.length > 0 && {
      description: `One of these, or another answer: ${options.join('; ')}`.slice(0, 1_000),
    }),
  }
  const requestedSchema = { type: 'object', properties: { answer }, required: ['answer'] }
  const params = { mode: 'form', message: await showText(task, 'question', texts), requestedSchema }
  return { [questionKeyOf(task)]: { method: 'elicitation/create', params } }
}

/** Returns the result of a task as that of a tool, with a link to all that is known of it. */
async function resultOf(task: Task, texts: TextContext): Promise<object> {
  const isError = task.status === 'failed'
  const text = await showText(task, isError ? 'error' : 'result', texts)
  const link = { type: 'resource_link', uri: `tony://task/${task.id}`, name: 'task', mimeType: 'application/json' }
  const content = [{ type: 'text', text: text === '' ? `The task is ${task.status}.` : text }, link]
  // The results of revision 2026-07-28 name their kind, also inside a task.
  return { resultType: 'complete', content, isError }
}

/** Returns a task as the extension has it, with the fields of its status. */
export async function toWireTask(task: Task, texts: TextContext): Promise<Record<string, unknown>> {
  const status = wireStatuses[task.status]
  const wireTask = {
    taskId: task.id,
    status,
    statusMessage: statusMessageOf(task),
    createdAt: task.createdAt,
    lastUpdatedAt: updatedAtOf(task),
    // The retention of the server is longer than any client waits.
    ttlMs: null,
    pollIntervalMs,
  }
  if (status === 'input_required') return { ...wireTask, inputRequests: await inputRequestsOf(task, texts) }
  return status === 'completed' ? { ...wireTask, result: await resultOf(task, texts) } : wireTask
}
