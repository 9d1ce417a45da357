import { type Client, TonyError } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { after } from './clock.ts'
import { connect, type ServerOptions, withServer } from './connection.ts'
import { durationOption } from './options.ts'

interface WaitCommand extends ServerOptions {
  readonly for: 'task' | 'message'
  readonly agent?: string
  readonly type?: string
  readonly timeout?: number
  readonly json: boolean
}

/** The exit code when the time is up: that of `timeout` in a shell. */
const timeUp = 124

/** What there is, by its ids alone: titles and texts are for whoever takes it. */
type Found =
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
    const { messages } = await client.messages.list({
      box: 'in',
      status: 'pending',
      limit: 1,
      ...(agent !== undefined && { agent }),
      ...(type !== undefined && { type }),
    })
    const [message] = messages
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

/** Looks, and looks again whenever something happened that may have brought what is waited for. */
async function waitFor(
  client: Client,
  kind: WaitCommand['for'],
  look: Look,
  ended: AbortSignal,
): Promise<Found | undefined> {
  // It begins with where it stands: what happens after the first look is on it.
  const feed = client.events.subscribe({ types: [...eventsFor[kind]] }, { signal: ended })
  const happened = feed[Symbol.asyncIterator]()
  let next = happened.next()
  await next
  let found = await look()
  const goOn = () => {
    next = happened.next()
    // Whoever waits for it hears of it; nobody may be waiting yet.
    next.catch(() => undefined)
  }
  goOn()
  while (!found && !ended.aborted) {
    if (await soonest(next, ended)) goOn()
    // The server may be away for a while: the next event, or the next round, asks again.
    found = await look().catch((error: unknown) => {
      if (ended.aborted || (error instanceof TonyError && error.retryable)) return undefined
      throw error
    })
  }
  feed.close()
  return found
}

/** Resolves to true when the feed has gone on, to false when it is time to look all the same. */
function soonest(next: Promise<unknown>, ended: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = after(lookAgainMs, () => resolve(false))
    const stop = () => {
      cancel()
      resolve(false)
    }
    ended.addEventListener('abort', stop, { once: true })
    next
      .then(() => resolve(true), reject)
      .finally(() => {
        cancel()
        ended.removeEventListener('abort', stop)
      })
  })
}

/** Whose eyes this looks with: the agent that was named, or the one the credential is of. */
async function agentOf(client: Client, { agent }: WaitCommand): Promise<string | undefined> {
  return agent ?? (await client.auth.whoami({})).agentId ?? undefined
}

async function waitCommand(options: WaitCommand): Promise<void> {
  const client = connect(options)
  const ended = new AbortController()
  const cancel = options.timeout === undefined ? () => undefined : after(options.timeout, () => ended.abort())
  try {
    const agent = await agentOf(client, options)
    const look = (options.for === 'task' ? lookForTask : lookForMessage)(client, agent, options.type)
    const found = await waitFor(client, options.for, look, ended.signal)
    if (found) process.stdout.write(`${options.json ? JSON.stringify(found) : line(found)}\n`)
    else process.exitCode = timeUp
  } finally {
    cancel()
    client.close()
  }
}

const line = (found: Found): string =>
  found.for === 'task' ? `task ${found.taskId}` : `message ${found.messageId} from ${found.from ?? 'the developer'}`

/** `tony-mcp wait`: exit code 0 when there is something, 124 when the time is up. It takes nothing. */
export function addWaitCommand(tony: Command): void {
  withServer(tony.command('wait'))
    .description('wait on the server until there is a task or a message, and take nothing')
    .addOption(new Option('--for <what>', 'what to wait for').choices(['task', 'message']).makeOptionMandatory())
    .option('--agent <name>', 'what this agent may take, or its inbox; default: the agent the credential is of')
    .option('--type <type>', 'only tasks or messages of this type')
    .option(
      '--timeout <duration>',
      'how long, such as 30s or 8h; then the exit code is 124. Default: for ever',
      durationOption,
    )
    .option('--json', 'print what there is as JSON', false)
    .action((options: WaitCommand) => waitCommand(options))
}
