import { type Client, TonyError } from '@tony/mcp-client'
import type { Clock } from '../clock.ts'

export type WaitTarget = 'task' | 'message'

/** The result of a wait: ids only. Titles and payloads are for the agent that takes it. */
export type WaitResult =
  | { readonly for: 'task'; readonly taskId: string; readonly type: string; readonly priority: string }
  | { readonly for: 'message'; readonly messageId: string; readonly from: string | null; readonly type: string }

type Poll = () => Promise<WaitResult | undefined>

/**
 * Interval of the poll, in milliseconds. A task can become ready without an event, because its
 * `notBefore` has passed.
 */
const pollIntervalMs = 30_000

/** Number of tasks that one poll checks. */
const maxTasksChecked = 50

const ignoredExclusions: ReadonlySet<string> = new Set(['agent_offline'])

async function mayClaim(client: Client, taskId: string, agent: string | undefined): Promise<boolean> {
  const { reasons, agents } = await client.tasks.explain({ taskId })
  if (reasons.length > 0) return false
  if (agent === undefined) return true
  const exclusions = agents.find(({ agentId, name }) => agentId === agent || name === agent)
  // An agent may be offline while it waits here.
  return exclusions?.excludedBy.every((predicate) => ignoredExclusions.has(predicate)) ?? false
}

const createTaskPoll =
  (client: Client, agent: string | undefined, type: string | undefined): Poll =>
  async () => {
    const filter = { status: 'pending', limit: maxTasksChecked, ...(type !== undefined && { type }) } as const
    const { tasks } = await client.tasks.list(filter)
    for (const { id, type: kind, priority } of tasks)
      if (await mayClaim(client, id, agent)) return { for: 'task', taskId: id, type: kind, priority }
    return undefined
  }

const createMessagePoll =
  (client: Client, agent: string | undefined, type: string | undefined): Poll =>
  async () => {
    const filter = { box: 'in', ...(agent !== undefined && { agent }), ...(type !== undefined && { type }) } as const
    const [pending] = (await client.messages.list({ ...filter, status: 'pending', limit: 1 })).messages
    // A bridge receives messages at once. They have the status `delivered`, but wait until they are
    // shown.
    const atBridge = async () => (await client.messages.list({ ...filter, status: 'delivered', limit: 50 })).messages
    const message = pending ?? (await atBridge()).find(({ shownAt }) => shownAt === null)
    return message && { for: 'message', messageId: message.id, from: message.from, type: message.type }
  }

const eventTypesByTarget = {
  task: [
    'task.created',
    'task.unblocked',
    'task.retried',
    'task.released',
    'task.expired',
    'task.input_provided',
    'task.reopened',
    'task.rejected',
    'task.updated',
    'plan.committed',
    'project.resumed',
    'epic.resumed',
    'agent.resumed',
    'agent.registered',
  ],
  message: ['message.sent', 'message.nacked', 'message.returned', 'message.redriven'],
} as const

export interface WaitForWorkOptions {
  readonly for: WaitTarget
  /** Id or name of the agent whose eligibility or inbox counts; undefined means any. */
  readonly agent: string | undefined
  readonly type: string | undefined
  /** Timer of the poll without an event. */
  readonly timer: Clock['timer']
  readonly ended: AbortSignal
}

/**
 * Polls at once and after each event that may have brought a task or a message, until there is one.
 * Takes nothing.
 */
export async function waitForWork(
  client: Client,
  { for: kind, agent, type, timer, ended }: WaitForWorkOptions,
): Promise<WaitResult | undefined> {
  const poll = (kind === 'task' ? createTaskPoll : createMessagePoll)(client, agent, type)
  // The feed begins with a checkpoint. Every event after the first poll follows it, so none is
  // missed.
  const feed = client.events.subscribe({ types: [...eventTypesByTarget[kind]] }, { signal: ended })
  const events = feed[Symbol.asyncIterator]()
  let next = events.next()
  const readNext = () => {
    next = events.next()
    // The next wait handles a rejection. Without this line it would be unhandled until then.
    next.catch(() => undefined)
  }
  try {
    await next
    let found = await poll()
    readNext()
    while (!found && !ended.aborted) {
      if (await nextEventOrTimeout(next, timer, ended)) readNext()
      // The server may be away for a while. The next event or the next interval polls again.
      found = await poll().catch((error: unknown) => {
        if (ended.aborted || (error instanceof TonyError && error.retryable)) return undefined
        throw error
      })
    }
    return found
  } finally {
    feed.close()
  }
}

/**
 * Resolves with true at the next event, with false after the poll interval or when the signal
 * aborts.
 */
function nextEventOrTimeout(next: Promise<unknown>, timer: Clock['timer'], ended: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (goesOn: boolean) => {
      cancel()
      ended.removeEventListener('abort', stop)
      resolve(goesOn)
    }
    const cancel = timer(pollIntervalMs, () => settle(false))
    const stop = () => settle(false)
    ended.addEventListener('abort', stop, { once: true })
    next.then(() => settle(true), reject)
  })
}
