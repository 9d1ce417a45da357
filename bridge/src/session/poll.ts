import { type Client, TonyError } from '@tony/mcp-client'
import type { Clock } from '../clock.ts'

export type LookFor = 'task' | 'message'

/** What there is, by its ids alone: titles and texts are for whoever takes it. */
export type Found =
  | { readonly for: 'task'; readonly taskId: string; readonly type: string; readonly priority: string }
  | { readonly for: 'message'; readonly messageId: string; readonly from: string | null; readonly type: string }

type Look = () => Promise<Found | undefined>

/** Not everything that makes a task ready is an event: a time that is reached is none. */
const lookAgainMs = 30_000

/** So many tasks are asked about one by one. */
const tasksAtOnce = 50

const meantForNow: ReadonlySet<string> = new Set(['agentOffline'])

async function mayClaim(client: Client, taskId: string, agent: string | undefined): Promise<boolean> {
  const { reasons, agents } = await client.tasks.explain({ taskId })
  if (reasons.length > 0) return false
  if (agent === undefined) return true
  const mine = agents.find(({ agentId, name }) => agentId === agent || name === agent)
  // Whoever waits here has no need to be live meanwhile.
  return mine?.excludedBy.every((predicate) => meantForNow.has(predicate)) ?? false
}

const lookForTask =
  (client: Client, agent: string | undefined, type: string | undefined): Look =>
  async () => {
    const wanted = { status: 'pending', limit: tasksAtOnce, ...(type !== undefined && { type }) } as const
    const { tasks } = await client.tasks.list(wanted)
    for (const { id, type: kind, priority } of tasks)
      if (await mayClaim(client, id, agent)) return { for: 'task', taskId: id, type: kind, priority }
    return undefined
  }

const lookForMessage =
  (client: Client, agent: string | undefined, type: string | undefined): Look =>
  async () => {
    const whose = { box: 'in', ...(agent !== undefined && { agent }), ...(type !== undefined && { type }) } as const
    const [pending] = (await client.messages.list({ ...whose, status: 'pending', limit: 1 })).messages
    // A bridge has them at once; until they are shown they wait all the same.
    const atBridge = async () => (await client.messages.list({ ...whose, status: 'delivered', limit: 50 })).messages
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

export interface Looking {
  readonly for: LookFor
  /** What this agent may take, or its inbox, by id or name. */
  readonly agent: string | undefined
  readonly type: string | undefined
  /** Tells when to look all the same. */
  readonly timer: Clock['timer']
  readonly ended: AbortSignal
}

/** Looks, and looks again whenever something happened that may have brought what is waited for. Takes nothing. */
export async function waitFor(
  client: Client,
  { for: kind, agent, type, timer, ended }: Looking,
): Promise<Found | undefined> {
  const look = (kind === 'task' ? lookForTask : lookForMessage)(client, agent, type)
  // It begins with where it stands: what happens after the first look is on it.
  const feed = client.events.subscribe({ types: [...eventsFor[kind]] }, { signal: ended })
  const happened = feed[Symbol.asyncIterator]()
  let next = happened.next()
  const goOn = () => {
    next = happened.next()
    // Whoever waits for it hears of it; nobody may be waiting yet.
    next.catch(() => undefined)
  }
  try {
    await next
    let found = await look()
    goOn()
    while (!found && !ended.aborted) {
      if (await soonest(next, timer, ended)) goOn()
      // The server may be away for a while: the next event, or the next round, asks again.
      found = await look().catch((error: unknown) => {
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
function soonest(next: Promise<unknown>, timer: Clock['timer'], ended: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const over = (goesOn: boolean) => {
      cancel()
      ended.removeEventListener('abort', stop)
      resolve(goesOn)
    }
    const cancel = timer(lookAgainMs, () => over(false))
    const stop = () => over(false)
    ended.addEventListener('abort', stop, { once: true })
    next.then(() => over(true), reject)
  })
}
