import type { Client } from '@tony/mcp-client'
import { poll } from '../bridge/events-client.ts'
import { upTo } from '../store/given.ts'
import { ManualClock } from '../support/clock.ts'
import { Database } from '../support/postgres.ts'
import { TestServer } from '../support/server.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'
import { created, ReaderState, storeDeliveries } from './event-readers.ts'

const minuteMs = 60_000
const forEver = { ms: 0, maxRows: 0 }

/** Events live for ten minutes, and everything else for ever. */
const retention = {
  events: { ms: 10 * minuteMs, maxRows: 0 },
  tasks: forEver,
  messages: forEver,
  health: forEver,
  agents: forEver,
  plans: forEver,
  sessions: forEver,
  denials: forEver,
}

type Roll = (sides: number) => number

/** The part of a reader's state that a test expects. */
interface Reading {
  readonly tasks: readonly string[]
  readonly gaps: readonly string[]
}

const seqOf = (cursor: string): number => Number(cursor.split('.')[1])

type CreatedEvent = { readonly seq: number; readonly subject: string | null }

/** The events of one round, from which retention has deleted the first ones. */
export class CutEvents {
  readonly #start: string
  readonly #events: readonly CreatedEvent[]
  readonly #cutAt: number

  constructor(start: string, events: readonly CreatedEvent[], cutAt: number) {
    this.#start = start
    this.#events = events
    this.#cutAt = cutAt
  }

  /** Every position at which a reader may have stopped. */
  get cursors(): readonly string[] {
    return [this.#start, ...this.#events.map(({ seq }) => this.#cursorAt(seq))]
  }

  /** Returns the cursor of a reader that has read this number of events. */
  cursorAfter(count: number): string {
    return this.cursors[count] ?? this.#start
  }

  firstTasks(count: number): readonly string[] {
    return this.#events.slice(0, count).map(({ subject }) => String(subject))
  }

  /** Returns the part that a reader with this cursor must get. */
  after(cursor: string): Reading {
    const from = seqOf(cursor)
    const left = this.#events.filter(({ seq }) => seq > Math.max(from, this.#cutAt))
    return {
      tasks: left.map(({ subject }) => String(subject)),
      gaps: from < this.#cutAt ? [this.#cursorAt(this.#cutAt)] : [],
    }
  }

  #cursorAt(seq: number): string {
    return `${this.#start.split('.')[0]}.${seq}`
  }
}

/** Three servers on one PostgreSQL and one clock, and a webhook whose endpoint fails at times. */
export class CuttingReplicas implements AsyncDisposable {
  readonly servers: readonly TestServer[]
  readonly #database: Database
  readonly #clock: ManualClock
  readonly #receiver: WebhookReceiver
  readonly #clients: readonly Client[]
  #delivered = new ReaderState('')

  private constructor(
    database: Database,
    clock: ManualClock,
    servers: readonly TestServer[],
    receiver: WebhookReceiver,
  ) {
    this.#database = database
    this.#clock = clock
    this.servers = servers
    this.#receiver = receiver
    this.#clients = servers.map((server) => server.connect())
  }

  static async start(): Promise<CuttingReplicas> {
    const [database, clock] = [await Database.create(), new ManualClock()]
    const options = { clock, postgres: { url: database.url }, config: { retention } }
    const first = await TestServer.start(options)
    // One folder, and so one pepper.
    const others = [1, 2].map(() => TestServer.start({ ...options, folder: first.folder }))
    const servers = [first, ...(await Promise.all(others))]
    const replicas = new CuttingReplicas(database, clock, servers, await WebhookReceiver.start())
    await replicas.#renewWebhook(0)
    return replicas
  }

  /**
   * Creates tasks over six minutes, and lets retention delete the events of the first of them. The
   * webhook gets the first few events.
   */
  async writeAndCut(roll: Roll): Promise<CutEvents> {
    const [first] = this.servers
    if (!first) throw new Error('there are no servers')
    const { cursor } = await poll(first, created)
    this.#delivered = new ReaderState(cursor)
    const accepts = roll(40)
    const store = storeDeliveries(this.#delivered, () => 3, 4)
    this.#receiver.answer = (received, response) =>
      this.#delivered.tasks.length < accepts ? store(received, response) : 503
    for (const _ of upTo(6)) {
      await this.#clients[roll(3)]?.tasks.createMany({ tasks: upTo(1 + roll(10)).map(() => ({ type: 'code' })) })
      await this.#advance(minuteMs)
    }
    const page = await this.#clients[0]?.events.list({ cursor, types: ['task.created'], limit: 1_000 })
    await this.#advance((5 + roll(5)) * minuteMs)
    const [log] = await this.#database.rows<{ first: number }>(
      'select coalesce(min(first), (select max(seq) + 1 from projects)) as first from event_pages',
    )
    return new CutEvents(cursor, page?.events ?? [], (log?.first ?? 1) - 1)
  }

  /** Lets the webhook continue at any replica. Returns its state, and the expected one. */
  async resumeWebhook(
    written: CutEvents,
    roll: Roll,
  ): Promise<{ readonly state: ReaderState; readonly wanted: Reading }> {
    const state = this.#delivered
    const { length } = state.tasks
    const { tasks, gaps } = written.after(written.cursorAfter(length))
    this.#receiver.answer = storeDeliveries(state, () => 3, 4)
    await this.#renewWebhook(roll(3))
    return { state, wanted: { tasks: [...written.firstTasks(length), ...tasks], gaps } }
  }

  /** Creates the webhook, or ends its wait after a failure. */
  async #renewWebhook(index: number): Promise<void> {
    const filter = { types: ['task.created' as const] }
    await this.#clients[index]?.webhooks.create({ url: this.#receiver.url, format: 'mcp', filter })
  }

  async #advance(ms: number): Promise<void> {
    this.#clock.advance(ms)
    for (const server of this.servers) await server.sweep()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [first, ...others] = this.servers
    for (const server of [...others, first]) await server?.[Symbol.asyncDispose]()
    await this.#receiver[Symbol.asyncDispose]()
    await this.#database[Symbol.asyncDispose]()
  }
}
