import { join } from 'node:path'
import { type Client, type ClientOptions, createClient, TonyError } from '@tony/mcp-client'
import { dice } from '../dice.ts'
import { History } from '../history.ts'
import type { RecordedServer } from './recorded-server.ts'

const names = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay']

export interface WorkloadOptions {
  readonly server: RecordedServer
  /** Folder of the histories. */
  readonly folder: string
  readonly tasks: number
  readonly seed: number
  /** Stops the server once, after three quarters of the tasks. */
  readonly restarts: boolean
  /** Ends the run with the reason of its abort. */
  readonly signal: AbortSignal
}

/** The clients of one run. Each line of their histories has its place in the trace. */
class Callers implements Disposable {
  readonly histories: string[] = []
  /** Errors that say that the server refused a call because its storage failed. */
  readonly refusals: TonyError[] = []
  readonly #clients: Client[] = []
  readonly #options: WorkloadOptions

  constructor(options: WorkloadOptions) {
    this.#options = options
  }

  connect(name: string, options: ClientOptions = {}): { client: Client; history: History } {
    const { server, folder } = this.#options
    const history = new History(join(folder, `${name}.jsonl`), name, () => ({ place: server.place }))
    this.histories.push(history.file)
    const client = createClient({ url: server.url, deadlineMs: 60_000, ...options, onCall: history.onCall })
    this.#clients.push(client)
    return { client, history }
  }

  /** A call whose fate may be unknown, after which a caller continues. */
  readonly unlessLost = async <T>(call: Promise<T>): Promise<T | undefined> =>
    call.catch((error: unknown) => {
      this.#options.signal.throwIfAborted()
      if (!(error instanceof TonyError)) throw error
      if (error.code === 'STORE_UNAVAILABLE') this.refusals.push(error)
      if (error.retryable || /^STALE_|^STORE_UNAVAILABLE$/.test(error.code)) return undefined
      throw error
    });

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close()
  }
}

/** The completed tasks of a run, and a wait for a number of them. */
class Progress {
  readonly #completed = new Set<string>()
  readonly #waiting: { readonly count: number; readonly reached: () => void }[] = []

  get count(): number {
    return this.#completed.size
  }

  add(taskId: string): void {
    this.#completed.add(taskId)
    for (const { count, reached } of this.#waiting) if (count <= this.count) reached()
  }

  async reach(count: number): Promise<void> {
    if (this.count < count) await new Promise<void>((reached) => this.#waiting.push({ count, reached }))
  }
}

/** The shared state of the workers of a run. */
interface Work {
  readonly callers: Callers
  readonly lead: Client
  readonly tasks: number
  readonly progress: Progress
  readonly roll: (sides: number) => number
}

/** Claims a task, tells another agent and completes it. Some first attempts end otherwise. */
async function workOnTask({ callers, progress, roll }: Work, client: Client, name: string): Promise<void> {
  const claimed = await callers.unlessLost(client.tasks.claim({ leaseMs: 30_000, waitMs: 200 }))
  const [task] = claimed?.tasks ?? []
  if (!task) return
  const lease = { taskId: task.id, leaseToken: task.leaseToken }
  const others = names.filter((other) => other !== name)
  const to = roll(8) === 0 ? '*' : (others[roll(others.length)] ?? '*')
  await callers.unlessLost(client.messages.send({ to, type: 'claimed', payload: { task: task.id, by: name } }))
  const ending = task.attempt > 1 ? 2 : roll(8)
  if (ending === 0) await callers.unlessLost(client.tasks.release(lease))
  else if (ending === 1)
    await callers.unlessLost(client.tasks.fail({ ...lease, error: 'as planned', nextRetryDelayMs: 0 }))
  else if (await callers.unlessLost(client.tasks.complete({ ...lease, result: { by: name } }))) progress.add(task.id)
}

async function readInbox({ callers, roll }: Work, client: Client): Promise<void> {
  const received = await callers.unlessLost(client.messages.receive({ limit: 5 }))
  for (const { id, receipt } of received?.messages ?? []) {
    const settled = { messageId: id, receipt }
    const settling = roll(8) === 0 ? client.messages.nak(settled) : client.messages.ack(settled)
    await callers.unlessLost(settling)
  }
}

async function runWorker(work: Work, client: Client, name: string): Promise<void> {
  for (let round = 1; work.progress.count < work.tasks; round += 1) {
    await workOnTask(work, client, name)
    await readInbox(work, client)
    if (round % 10 === 0)
      await work.callers.unlessLost(work.lead.agents.register({ name: `${name}-${round}`, type: 'implementation' }))
  }
}

/** Asks for a backup after each third of the tasks. */
async function runBackups({ callers, lead, tasks, progress }: Work): Promise<void> {
  for (const share of [1, 2, 3]) {
    await progress.reach(Math.floor((tasks * share) / 3))
    await callers.unlessLost(lead.system.backup({}))
  }
}

/** Notes each event until the client is closed. */
async function watch({ client, history }: ReturnType<Callers['connect']>): Promise<void> {
  history.note('watch', { watcher: 'wall', from: 0 })
  for await (const { seq, type, subject } of client.events.subscribe({ cursor: 'start' }))
    if (type !== 'checkpoint') history.note('event', { watcher: 'wall', seq, type, subject })
}

/**
 * Ten tasks at a time, of which each half of them waits for the one before it. A call that the
 * failing storage refused is made again, because the workers wait for all tasks.
 */
async function createTasks({ callers, lead, tasks }: Work): Promise<void> {
  for (let created = 0; created < tasks; ) {
    const keys = Array.from({ length: 10 }, (_, index) => index)
    const reply = await callers.unlessLost(
      lead.tasks.createMany({
        tasks: keys.map((key) => ({
          key: `${key}`,
          type: 'code',
          title: `${created + key}`,
          description: 'x'.repeat(200),
          dependsOn: key % 2 === 1 ? [`${key - 1}`] : [],
        })),
      }),
    )
    if (reply) created += 10
  }
}

/**
 * Six agents, a lead and a watcher on the real client: registrations, creations, claims, sends,
 * completions, failures, releases, acks, naks and backups.
 */
export async function runWorkload(options: WorkloadOptions): Promise<{ histories: string[]; refusals: TonyError[] }> {
  using callers = new Callers(options)
  const { client: lead } = callers.connect('lead')
  const work: Work = { callers, lead, tasks: options.tasks, progress: new Progress(), roll: dice(options.seed) }
  const register = async (name: string): Promise<{ readonly token: string }> => {
    const call = lead.agents.register({ name, type: 'implementation', clientInstanceId: `the secret of ${name}` })
    return (await callers.unlessLost(call)) ?? register(name)
  }
  const agents = await Promise.all(names.map(async (name) => ({ name, token: (await register(name)).token })))
  const watching = watch(callers.connect('wall'))
  const workers = agents.map(({ name, token }) => runWorker(work, callers.connect(name, { token }).client, name))
  const restarting = work.progress.reach(Math.floor((work.tasks * 3) / 4)).then(() => {
    if (options.restarts) options.server.restart()
  })
  const aborted = new Promise<never>((_, reject) => {
    options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true })
  })
  await Promise.race([Promise.all([createTasks(work), runBackups(work), restarting, ...workers]), aborted])
  callers[Symbol.dispose]()
  await watching
  return { histories: callers.histories, refusals: callers.refusals }
}
