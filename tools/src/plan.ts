import { eventTypes } from '@tony/mcp-shared/events'
import { messageStatuses } from '@tony/mcp-shared/messages'
import { delimitUntrusted, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Input, Message, Task } from './calls.ts'
import { loadAgentNames, taskStatus, toTitleField } from './task-view.ts'
import { type AnyTool, tool } from './tool.ts'
import type { AgentIdentity, ToolSession } from './tool-session.ts'

/** Maximum number of tasks of one status in an overview. */
const maxTasksPerStatus = 20

const newTask = z.object({
  key: z.string().min(1).max(200).optional().describe('names it within this call, for "dependsOn"'),
  title: z.string().min(1).max(1_000),
  description: z.string().max(65_536).optional().describe('all that an agent needs that knows nothing else'),
  type: z.string().min(1).max(200).default('implementation'),
  dependsOn: z.array(z.string()).max(200).optional().describe('keys or ids of tasks to be completed first'),
  assignedTo: z.string().optional().describe('name or id of the only agent that may take it'),
  requires: z.array(z.string()).max(16).optional().describe('capabilities an agent must have'),
  priority: z.enum(['critical', 'high', 'normal', 'low']).default('normal'),
  epic: z.string().min(1).max(200).optional(),
})

/**
 * Returns the parent for tasks that a developer adds: the task it holds, if it holds exactly one.
 */
async function findParentTask(
  toolSession: ToolSession,
  identity: AgentIdentity | undefined,
): Promise<string | undefined> {
  if (!identity || identity.role === 'tech-lead') return undefined
  const { tasks } = await toolSession.call('tasks.list', {
    status: 'in_progress',
    claimedBy: identity.agentId,
    limit: 2,
  })
  return tasks.length === 1 ? tasks[0]?.id : undefined
}

const addTasks = tool({
  name: 'add_tasks',
  title: 'Add tasks or a plan',
  description:
    'Adds 1 to 200 tasks at once. "dependsOn" orders them: a task can be taken when those are completed, and gets their results. Leads may add any; others add parts of a task they hold.',
  input: z.object({
    tasks: z.array(newTask).min(1).max(200),
    parentId: z.string().optional().describe('id of the task they are parts of'),
  }),
  output: z.object({
    tasks: z.array(z.object({ taskId: z.string(), key: z.string().nullable() })),
    next: z.string(),
  }),
  run: async (toolSession, { tasks, parentId: given }) => {
    const identity = await toolSession.currentAgent()
    const parentId = given ?? (await findParentTask(toolSession, identity))
    const newTasks = tasks.map(({ dependsOn = [], ...rest }): Input<'tasks.createMany'>['tasks'][number] => ({
      ...rest,
      dependsOn,
      ...(parentId === undefined ? {} : { parentId }),
    }))
    const created = await toolSession.call('tasks.createMany', { tasks: newTasks })
    return {
      tasks: created.tasks.map(({ id, key }) => ({ taskId: id, key })),
      next: 'Agents take them with next_task. Follow them with feed or explain.',
    }
  },
})

const eventView = z.object({
  at: z.string(),
  type: z.string(),
  subject: z.string().nullable(),
  by: z.string().nullable(),
  data: z.string().optional(),
})

const feed = tool({
  name: 'feed',
  title: 'Read what happened',
  description:
    'Reads what happened in the project, oldest first. Pass "cursor" of the answer as "cursor" to go on. Without it, it begins with the first event kept.',
  readOnly: true,
  input: z.object({
    cursor: z.string().max(64).optional(),
    types: z.array(z.string()).min(1).max(10).optional().describe('such as task.completed, task.failed, message.sent'),
    taskId: z.string().optional().describe('only about this task'),
    limit: z.int().min(1).max(200).default(50),
  }),
  output: z.object({ events: z.array(eventView), cursor: z.string(), more: z.boolean() }),
  run: async (toolSession, { cursor: start, types, taskId, limit }) => {
    const { events, cursor, more } = await toolSession.call('events.list', {
      limit,
      ...(start === undefined ? {} : { cursor: start }),
      ...(types ? { types: z.array(z.enum(eventTypes)).parse(types) } : {}),
      ...(taskId === undefined ? {} : { taskId }),
    })
    const views = events.map(({ at, type, subject, actor, data }) => ({
      at,
      type,
      subject,
      by: actor,
      data: delimitUntrusted(data, `data of ${type}`),
    }))
    return { events: views, cursor, more }
  },
})

const taskSummary = z.object({
  taskId: z.string(),
  title: z.string().optional(),
  status: taskStatus,
  says: z.string().optional(),
})

/** Returns the reason for a task's status in the words of the agents involved. */
function statusText(task: Task, nameOf: (id: string | null) => string): string | undefined {
  if (task.inputRequest)
    return delimitUntrusted(task.inputRequest.question, `question of ${nameOf(task.inputRequest.by)}`)
  if (task.status === 'failed')
    return delimitUntrusted(task.error ?? 'no reason given', `error of ${nameOf(task.claimedBy)}`)
  if (task.status === 'completed')
    return delimitUntrusted(task.result ?? 'no result', `result of ${nameOf(task.claimedBy)}`)
  return task.progress ? delimitUntrusted(task.progress, `progress of ${nameOf(task.claimedBy)}`) : undefined
}

async function toTaskSummaries(
  toolSession: ToolSession,
  tasks: readonly Task[],
): Promise<z.output<typeof taskSummary>[]> {
  const nameOf = await loadAgentNames(
    toolSession,
    tasks.flatMap(({ claimedBy, inputRequest }) => [claimedBy, inputRequest?.by ?? null]),
  )
  return tasks.map((task) => {
    const says = statusText(task, nameOf)
    return { taskId: task.id, ...toTitleField(task), status: task.status, ...(says === undefined ? {} : { says }) }
  })
}

/** Statuses in which a task may wait for an action of an agent or a person. */
const attentionStatuses = ['input_required', 'in_review', 'failed', 'blocked', 'in_progress'] as const

async function loadOverview(toolSession: ToolSession) {
  const { tasks } = await toolSession.call('system.metrics', {})
  const pages = await Promise.all(
    attentionStatuses.map((status) => toolSession.call('tasks.list', { status, limit: maxTasksPerStatus })),
  )
  const summaries = await toTaskSummaries(
    toolSession,
    pages.flatMap((page) => page.tasks),
  )
  return { counts: tasks.byStatus, tasks: summaries }
}

const messageStatus = z.object({
  messageId: z.string(),
  to: z.string(),
  status: z.enum(messageStatuses),
  stage: z
    .enum(['delivered', 'shown', 'acted'])
    .optional()
    .describe('shown: put before the model; acted: it went on after it had read it'),
  since: z.string(),
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

async function loadMessageStatus(toolSession: ToolSession, messageId: string): Promise<z.output<typeof messageStatus>> {
  const message = await toolSession.call('messages.get', { messageId })
  const { id, to, status, sentAt, lastError } = message
  const nameOf = await loadAgentNames(toolSession, [to])
  const { since, ...stage } = messageStageOf(message)
  return {
    messageId: id,
    to: nameOf(to),
    status,
    ...stage,
    since: since ?? sentAt,
    ...(lastError === null ? {} : { error: delimitUntrusted(lastError, 'error of the delivery') }),
  }
}

const explain = tool({
  name: 'explain',
  title: 'Explain where a task or a message stands',
  description:
    'Says where a task stands and why it is not running, or how far a message of yours has come. Without an id: how many tasks there are in each status, and those that wait for an answer, a review or a decision.',
  readOnly: true,
  input: z.object({ taskId: z.string().optional(), messageId: z.string().optional() }),
  output: z.object({
    tasks: z.array(taskSummary),
    counts: z.record(z.string(), z.int()).optional(),
    claimable: z.boolean().optional(),
    reasons: z.array(z.string()).optional(),
    agents: z.array(z.string()).optional().describe('what keeps each agent from it'),
    message: messageStatus.optional(),
  }),
  run: async (toolSession, { taskId, messageId }) => {
    if (messageId !== undefined) return { tasks: [], message: await loadMessageStatus(toolSession, messageId) }
    if (taskId === undefined) return loadOverview(toolSession)
    const task = await toolSession.call('tasks.get', { taskId })
    const { claimable, reasons, agents } = await toolSession.call('tasks.explain', { taskId: task.id })
    return {
      tasks: await toTaskSummaries(toolSession, [task]),
      claimable,
      reasons: reasons.map(({ message }) => toSingleLine(message)),
      agents: agents.map(({ name, excludedBy }) => `${toSingleLine(name)}: ${excludedBy.join(', ') || 'may take it'}`),
    }
  },
})

export const planTools: readonly AnyTool[] = [addTasks, feed, explain]
