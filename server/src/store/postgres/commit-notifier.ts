import { Client } from 'pg'
import type { Clock } from '../../platform/clock.ts'
import { type ConnectionPool, clientSettings } from './pool.ts'

const channel = 'tony_mcp'

/** Hints of one replica within this time are one notification, in milliseconds: a commit with one takes a lock on the database. */
const coalesceMs = 20

/** How long until a listener that lost its connection tries again, in milliseconds. */
const reconnectMs = 1_000

/** More projects in one notification than this is 'everywhere': its text is limited to 8 000 bytes. */
const projectLimit = 100

export interface CommitNotifierOptions {
  /** Straight to the database: a pooler passes no notifications on. Undefined where there is no such way: nothing is heard then. */
  readonly url: string | undefined
  readonly connections: ConnectionPool
  readonly clock: Clock
  /** Tells each process from the others, whose hints it listens to. */
  readonly name: string
  /** Some replica has committed in these projects; in any where absent. */
  readonly onCommit: (projects: readonly string[] | undefined) => void
}

/** Tells other replicas where something was committed. Nothing depends on a hint arriving: all look by themselves each second. */
export class CommitNotifier {
  readonly #options: CommitNotifierOptions
  readonly #projects = new Set<string>()
  #cancelSend: (() => void) | undefined
  #listener: Client | undefined
  #cancelReconnect: (() => void) | undefined
  #closed = false

  constructor(options: CommitNotifierOptions) {
    this.#options = options
  }

  /** Says that something was committed in a project: within 20 ms, together with what else was by then. */
  notify(project: string): void {
    this.#projects.add(project)
    this.#cancelSend ??= this.#options.clock.timer(coalesceMs, () => {
      this.#cancelSend = undefined
      // Lost with its connection: the others find it when they look.
      this.#send().catch(() => this.#projects.clear())
    })
  }

  async listen(): Promise<void> {
    const { url } = this.#options
    if (url === undefined) return
    const listener = new Client(clientSettings(url))
    listener.on('error', () => this.#scheduleReconnect())
    listener.on('end', () => this.#scheduleReconnect())
    listener.on('notification', ({ payload = '' }) => this.#receive(payload))
    try {
      await listener.connect()
      await listener.query(`LISTEN ${channel}`)
      this.#listener = listener
      // What was said while nobody listened.
      this.#options.onCommit(undefined)
    } catch {
      this.#scheduleReconnect()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelSend?.()
    this.#cancelReconnect?.()
    await this.#listener?.end()
  }

  #scheduleReconnect(): void {
    if (this.#closed || this.#cancelReconnect) return
    this.#listener = undefined
    this.#cancelReconnect = this.#options.clock.timer(reconnectMs, () => {
      this.#cancelReconnect = undefined
      void this.listen()
    })
  }

  async #send(): Promise<void> {
    const projects = [...this.#projects]
    this.#projects.clear()
    const targets = projects.length > projectLimit ? '*' : projects.join(' ')
    await this.#options.connections.withConnection(({ client }) =>
      client.query('SELECT pg_notify($1, $2)', [channel, `${this.#options.name} ${targets}`]),
    )
  }

  #receive(payload: string): void {
    const [name, ...projects] = payload.split(' ')
    if (name === this.#options.name) return
    this.#options.onCommit(projects.includes('*') ? undefined : projects)
  }
}
