import { type Client, TonyError } from '@tony/mcp-client'
import type { Clock } from '../clock.ts'

export type WaitTarget = 'task' | 'message'

/** What there is, by its ids alone: titles and texts are for whoever takes it. */
export type WaitResult =
  | { readonly for: 'task'; readonly taskId: string; readonly type: string; readonly priority: string }
  | { readonly for: 'message'; readonly messageId: string; readonly from: string | null; readonly type: string }

type Poll = () => Promise<WaitResult | undefined>

/** Not everything that makes a task ready is an event: a time that is reached is none. */
const pollIntervalMs = 30_000

/** So many tasks are asked about one by one. */
const maxTasksChecked = 50

const ignoredExclusions: ReadonlySet<string> = new Set(['agentOffline'])

async function mayClaim(client: Client, taskId: string, agent: string | undefined): Promise<boolean> {
  const { reasons, agents } = await client.tasks.explain({ taskId })
  if (reasons.length > 0) return false
  if (agent === undefined) return true
  const exclusions = agents.find(({ agentId, name }) => agentId === agent || name === agent)
  // Whoever waits here has no need to be live meanwhile.
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
    // A bridge has them at once; until they are shown they wait all the same.
    const atBridge = async () => (await client.messages.list({ ...filter, status: 'delivered', limit: 50 })).messages
    const message = pending ?? (await atBridge()).find(({ shownAt }) => shownAt === null)
    return message && { for: 'message', messageId: message.id, from: message.from, type: message.type }
  }

const eventsFor = {
  task: [
    'task.created',
    'task.unblocked',
    'task.retried',
    'task.released',
    'task.expired',
    'task.inputProvided',
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

export interface WaitOptions {
  readonly for: WaitTarget
  /** What this agent may take, or its inbox, by id or name. */
  readonly agent: string | undefined
  readonly type: string | undefined
  /** Tells when to look all the same. */
  readonly timer: Clock['timer']
  readonly ended: AbortSignal
}

/** Looks, and looks again whenever something happened that may have brought what is waited for. Takes nothing. */
export async function waitForWork(
  client: Client,
  { for: kind, agent, type, timer, ended }: WaitOptions,
): Promise<WaitResult | undefined> {
  const poll = (kind === 'task' ? createTaskPoll : createMessagePoll)(client, agent, type)
  // It begins with where it stands: what happens after the first look is on it.
  const feed = client.events.subscribe({ types: [...eventsFor[kind]] }, { signal: ended })
  const events = feed[Symbol.asyncIterator]()
  let next = events.next()
  const readNext = () => {
    next = events.next()
    // Whoever waits for it hears of it; nobody may be waiting yet.
    next.catch(() => undefined)
  }
  try {
    await next
    let found = await poll()
    readNext()
    while (!found && !ended.aborted) {
      if (await nextEventOrTimeout(next, timer, ended)) readNext()
      // The server may be away for a while: the next event, or the next round, asks again.
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

/** Resolves to true when the feed has gone on, to false when it is time to look all the same. */
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
