import { eventTypes } from '@tony/mcp-shared/events'
import { fenced, inLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Input, Message, Task } from './calls.ts'
import { namesOf, taskStatus, titleOf } from './present.ts'
import type { Me, Seat } from './seat.ts'
import { type AnyTool, tool } from './tool.ts'

/** So many tasks of one kind an overview lists. */
const listed = 20

const newTask = z.object({
  key: z.string().min(1).max(200).optional().describe('names it within this call, for "after"'),
  title: z.string().min(1).max(1_000),
  description: z.string().max(65_536).optional().describe('all that an agent needs that knows nothing else'),
  type: z.string().min(1).max(200).default('implementation'),
  after: z.array(z.string()).max(200).optional().describe('keys or ids of tasks to be completed first'),
  assignedTo: z.string().optional().describe('name or id of the only agent that may take it'),
  requires: z.array(z.string()).max(16).optional().describe('capabilities an agent must have'),
  priority: z.enum(['critical', 'high', 'normal', 'low']).default('normal'),
  epic: z.string().min(1).max(200).optional(),
})

/** A developer adds tasks under one it holds; where it holds one alone, that is the one. */
async function parentFor(seat: Seat, me: Me | undefined): Promise<string | undefined> {
  if (!me || me.role === 'tech-lead') return undefined
  const { tasks } = await seat.call('tasks.list', { status: 'in_progress', claimedBy: me.agentId, limit: 2 })
  return tasks.length === 1 ? tasks[0]?.id : undefined
}

const addTasks = tool({
  name: 'add_tasks',
  title: 'Add tasks or a plan',
  description:
    'Adds 1 to 200 tasks at once. "after" orders them: a task can be taken when those are completed, and gets their results. Leads may add any; others add parts of a task they hold.',
  input: z.object({
    tasks: z.array(newTask).min(1).max(200),
    partOf: z.string().optional().describe('id of the task they are parts of'),
  }),
  output: z.object({
    tasks: z.array(z.object({ taskId: z.string(), key: z.string().nullable() })),
    next: z.string(),
  }),
  run: async (seat, { tasks, partOf }) => {
    const me = await seat.known()
    const parentId = partOf ?? (await parentFor(seat, me))
    const made = tasks.map(({ after, ...rest }): Input<'tasks.createMany'>['tasks'][number] => ({
      ...rest,
      dependsOn: after ?? [],
      ...(parentId === undefined ? {} : { parentId }),
    }))
    const created = await seat.call('tasks.createMany', { tasks: made })
    return {
      tasks: created.tasks.map(({ id, key }) => ({ taskId: id, key })),
      next: 'Agents take them with next_task. Follow them with feed or explain.',
    }
  },
})

const happened = z.object({
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
    'Reads what happened in the project, oldest first. Pass "cursor" of the answer as "after" to go on. Without it, it begins with the first event kept.',
  reads: true,
  input: z.object({
    after: z.string().max(64).optional(),
    types: z.array(z.string()).min(1).max(10).optional().describe('such as task.completed, task.failed, message.sent'),
    taskId: z.string().optional().describe('only about this task'),
    limit: z.int().min(1).max(200).default(50),
  }),
  output: z.object({ events: z.array(happened), cursor: z.string(), more: z.boolean() }),
  run: async (seat, { after, types, taskId, limit }) => {
    const { events, cursor, more } = await seat.call('events.list', {
      limit,
      ...(after === undefined ? {} : { cursor: after }),
      ...(types ? { types: z.array(z.enum(eventTypes)).parse(types) } : {}),
      ...(taskId === undefined ? {} : { taskId }),
    })
    const shown = events.map(({ at, type, subject, actor, data }) => ({
      at,
      type,
      subject,
      by: actor,
      data: fenced(data, `data of ${type}`),
    }))
    return { events: shown, cursor, more }
  },
})

const brief = z.object({
  taskId: z.string(),
  title: z.string().optional(),
  status: taskStatus,
  says: z.string().optional(),
})

/** What keeps a task where it is, in the words of those concerned. */
function saysOf(task: Task, nameOf: (id: string | null) => string): string | undefined {
  if (task.inputRequest) return fenced(task.inputRequest.question, `question of ${nameOf(task.inputRequest.by)}`)
  if (task.status === 'failed') return fenced(task.error ?? 'no reason given', `error of ${nameOf(task.claimedBy)}`)
  if (task.status === 'completed') return fenced(task.result ?? 'no result', `result of ${nameOf(task.claimedBy)}`)
  return task.progress ? fenced(task.progress, `progress of ${nameOf(task.claimedBy)}`) : undefined
}

async function presentBrief(seat: Seat, tasks: readonly Task[]): Promise<z.output<typeof brief>[]> {
  const nameOf = await namesOf(
    seat,
    tasks.flatMap(({ claimedBy, inputRequest }) => [claimedBy, inputRequest?.by ?? null]),
  )
  return tasks.map((task) => {
    const says = saysOf(task, nameOf)
    return { taskId: task.id, ...titleOf(task), status: task.status, ...(says === undefined ? {} : { says }) }
  })
}

/** Statuses in which a task waits for somebody to do something about it. */
const attention = ['input_required', 'in_review', 'failed', 'blocked', 'in_progress'] as const

async function overview(seat: Seat) {
  const { tasks } = await seat.call('system.metrics', {})
  const pages = await Promise.all(attention.map((status) => seat.call('tasks.list', { status, limit: listed })))
  const briefs = await presentBrief(
    seat,
    pages.flatMap((page) => page.tasks),
  )
  return { counts: tasks.byStatus, tasks: briefs }
}

const whereabouts = z.object({
  messageId: z.string(),
  to: z.string(),
  stage: z
    .enum(['waiting', 'delivered', 'shown', 'acted', 'dead', 'expired'])
    .describe('shown: put before the model; acted: it went on after it had read it'),
  since: z.string(),
  error: z.string().optional(),
})

/** How far a message has come, in the words of whoever waits for its effect. */
function stageOf({ status, shownAt }: Message): z.output<typeof whereabouts>['stage'] {
  if (status === 'acked') return 'acted'
  if (status === 'pending') return 'waiting'
  return status === 'delivered' && shownAt !== null ? 'shown' : status
}

async function whereaboutsOf(seat: Seat, messageId: string): Promise<z.output<typeof whereabouts>> {
  const message = await seat.call('messages.get', { messageId })
  const { id, to, sentAt, deliveredAt, shownAt, endedAt, lastError } = message
  const nameOf = await namesOf(seat, [to])
  const stage = stageOf(message)
  const since = {
    waiting: sentAt,
    delivered: deliveredAt,
    shown: shownAt,
    acted: endedAt,
    dead: endedAt,
    expired: endedAt,
  }
  return {
    messageId: id,
    to: nameOf(to),
    stage,
    since: since[stage] ?? sentAt,
    ...(lastError === null ? {} : { error: fenced(lastError, 'error of the delivery') }),
  }
}

const explain = tool({
  name: 'explain',
  title: 'Explain where a task or a message stands',
  description:
    'Says where a task stands and why it is not running, or how far a message of yours has come. Without an id: how many tasks there are in each status, and those that wait for an answer, a review or a decision.',
  reads: true,
  input: z.object({ taskId: z.string().optional(), messageId: z.string().optional() }),
  output: z.object({
    tasks: z.array(brief),
    counts: z.record(z.string(), z.int()).optional(),
    claimable: z.boolean().optional(),
    reasons: z.array(z.string()).optional(),
    agents: z.array(z.string()).optional().describe('what keeps each agent from it'),
    message: whereabouts.optional(),
  }),
  run: async (seat, { taskId, messageId }) => {
    if (messageId !== undefined) return { tasks: [], message: await whereaboutsOf(seat, messageId) }
    if (taskId === undefined) return overview(seat)
    const task = await seat.call('tasks.get', { taskId })
    const { claimable, reasons, agents } = await seat.call('tasks.explain', { taskId: task.id })
    return {
      tasks: await presentBrief(seat, [task]),
      claimable,
      reasons: reasons.map(({ message }) => inLine(message)),
      agents: agents.map(({ name, excludedBy }) => `${inLine(name)}: ${excludedBy.join(', ') || 'may take it'}`),
    }
  },
})

export const planTools: readonly AnyTool[] = [addTasks, feed, explain]
