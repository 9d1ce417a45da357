import { messageStatuses } from '@tony/mcp-shared/messages'
import { delimitUntrusted, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Message, Task } from './calls.ts'
import { countAndSpendFitting, type OutputBudget } from './output-budget.ts'
import { authorIdsOf, type TextField, taskTextOf, textFields } from './task-texts.ts'
import { loadAgentNames, taskStatus, toTitleField } from './task-view.ts'
import { fittingPartOf } from './text-part.ts'
import { tool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'

/** Maximum number of tasks of one status in an overview. */
const maxTasksPerStatus = 20

const taskSummary = z.object({
  taskId: z.string(),
  title: z.string().optional(),
  status: taskStatus,
  attempt: z.int().optional().describe('of the open question: answer needs it'),
  says: z.string().optional(),
})

/** The text that gives the reason for a task's status in the words of the agents involved. */
function statusTextFieldOf({ inputRequest, status, error, result, progress }: Task): TextField | undefined {
  if (inputRequest) return 'question'
  if (status === 'failed') return error === null ? undefined : 'error'
  if (status === 'completed' || status === 'in_review') return result === null ? undefined : 'result'
  return progress ? 'progress' : undefined
}

/** The part of an output that the text of one task in an overview may take. */
const overviewShare = 0.08

type TaskSummary = z.output<typeof taskSummary>

/** Returns the tasks in order, as far as the budget reaches. */
async function toTaskSummaries(
  toolSession: ToolSession,
  tasks: readonly Task[],
  { budget, share }: { readonly budget: OutputBudget; readonly share: number },
): Promise<TaskSummary[]> {
  const nameOf = await loadAgentNames(toolSession, tasks.flatMap(authorIdsOf))
  const summaries = tasks.map((task) => {
    const field = statusTextFieldOf(task)
    const long = field && taskTextOf(task, field, nameOf)
    const says = long && fittingPartOf(long, budget, share).shown
    const { id: taskId, status, attempt } = task
    const asking = status === 'input_required' && { attempt }
    return { taskId, ...toTitleField(task), status, ...asking, ...(says === undefined ? {} : { says }) }
  })
  return summaries.slice(0, countAndSpendFitting(summaries, budget))
}

/** Statuses in which a task may wait for an action of an agent or a person. */
const attentionStatuses = ['input_required', 'in_review', 'failed', 'blocked', 'in_progress'] as const

async function loadOverview(toolSession: ToolSession, budget: OutputBudget) {
  const { tasks } = await toolSession.call('system.metrics', {})
  const pages = await Promise.all(
    attentionStatuses.map((status) => toolSession.call('tasks.list', { status, limit: maxTasksPerStatus })),
  )
  const listed = pages.flatMap((page) => page.tasks)
  budget.spend({ tasks, note: 'x'.repeat(100) })
  const summaries = await toTaskSummaries(toolSession, listed, { budget, share: overviewShare })
  const left = listed.length - summaries.length
  return {
    counts: tasks.byStatus,
    tasks: summaries,
    ...(left === 0 ? {} : { next: `${left} more tasks need attention: decide about these first, then call again.` }),
  }
}

const messageStatusView = z.object({
  messageId: z.string(),
  to: z.string(),
  status: z.enum(messageStatuses),
  stage: z
    .enum(['delivered', 'shown', 'acted'])
    .optional()
    .describe('shown: put before the model; acted: it went on after it had read it'),
  since: z.string(),
  /** The attempt to wake an idle session, with the providers that were tried. */
  wake: z.string().optional(),
  error: z.string().optional(),
})

/**
 * Returns the stage of a message as its sender sees it, and its time. A pending or dead message has
 * no stage.
 */
function messageStageOf({ status, sentAt, deliveredAt, shownAt, endedAt }: Message) {
  if (status === 'acked') return { stage: 'acted' as const, since: endedAt }
  if (status !== 'delivered') return { since: endedAt ?? sentAt }
  return shownAt === null
    ? { stage: 'delivered' as const, since: deliveredAt }
    : { stage: 'shown' as const, since: shownAt }
}

async function loadMessageStatus(
  toolSession: ToolSession,
  messageId: string,
): Promise<z.output<typeof messageStatusView>> {
  const message = await toolSession.call('messages.get', { messageId })
  const { id, to, status, sentAt, wake, lastError } = message
  const nameOf = await loadAgentNames(toolSession, [to])
  const { since, ...stage } = messageStageOf(message)
  return {
    messageId: id,
    to: nameOf(to),
    status,
    ...stage,
    since: since ?? sentAt,
    ...(wake && { wake: [wake.status, ...wake.tried].join(' ') }),
    ...(lastError === null ? {} : { error: delimitUntrusted(lastError, 'error of the delivery') }),
  }
}

export const explain = tool({
  name: 'explain',
  title: 'Explain where a task or a message stands',
  description:
    'Says where a task stands and why it is not running, or how far a message of yours has come. With "text" it shows that text of the task, from "offset" on. Without an id: how many tasks there are in each status, and those that wait for an answer, a review or a decision.',
  readOnly: true,
  input: z.strictObject({
    taskId: z.string().optional(),
    messageId: z.string().optional(),
    text: z.enum(textFields).optional(),
    offset: z.int().min(0).default(0),
  }),
  output: z.object({
    tasks: z.array(taskSummary),
    counts: z.record(z.string(), z.int()).optional(),
    claimable: z.boolean().optional(),
    reasons: z.array(z.string()).optional(),
    agents: z.array(z.string()).optional().describe('what keeps each agent from it'),
    message: messageStatusView.optional(),
    text: z.string().optional(),
    next: z.string().optional(),
  }),
  run: async (toolSession, { taskId, messageId, text, offset }, { budget }) => {
    if (messageId !== undefined) return { tasks: [], message: await loadMessageStatus(toolSession, messageId) }
    if (taskId === undefined) return loadOverview(toolSession, budget)
    const task = await toolSession.call('tasks.get', { taskId })
    if (text !== undefined) return { tasks: [], text: await loadTaskText(toolSession, task, { text, offset, budget }) }
    const { claimable, reasons, agents } = await toolSession.call('tasks.explain', { taskId: task.id })
    const causes = reasons.map(({ message }) => toSingleLine(message))
    const exclusions = agents.map(
      ({ name, excludedBy }) => `${toSingleLine(name)}: ${excludedBy.join(', ') || 'may take it'}`,
    )
    const fittingCauses = causes.slice(0, countAndSpendFitting(causes, budget))
    return {
      tasks: await toTaskSummaries(toolSession, [task], { budget, share: budget.left / 2 }),
      claimable,
      reasons: fittingCauses,
      agents: exclusions.slice(0, countAndSpendFitting(exclusions, budget)),
    }
  },
})

interface TextOptions {
  readonly text: TextField
  readonly offset: number
  readonly budget: OutputBudget
}

/** Shows a text of a task from a position on. */
async function loadTaskText(
  toolSession: ToolSession,
  task: Task,
  { text, offset, budget }: TextOptions,
): Promise<string> {
  const nameOf = await loadAgentNames(toolSession, authorIdsOf(task))
  const long = taskTextOf(task, text, nameOf, offset)
  return long ? fittingPartOf(long, budget, budget.left).shown : `This task has no ${text}.`
}
