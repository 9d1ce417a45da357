import { Client } from 'pg'
import type { Clock } from '../../platform/clock.ts'
import { type ConnectionPool, connectionConfigOf } from './pool.ts'

const channel = 'tony_mcp'

/**
 * Milliseconds in which a replica combines its notifications: each commit with NOTIFY takes a lock
 * on the whole database.
 */
const coalesceMs = 20

/** Milliseconds until a listener that lost its connection reconnects. */
const reconnectMs = 1_000

/**
 * Beyond this number of projects a notification names all of them: its text is limited to 8 000
 * bytes.
 */
const projectLimit = 100

export interface CommitNotifierOptions {
  /**
   * Direct address of the database: a pooler forwards no notifications. Undefined turns listening
   * off.
   */
  readonly url: string | undefined
  readonly connections: ConnectionPool
  readonly clock: Clock
  /** Identifies this process, so that it ignores its own notifications. */
  readonly name: string
  /** Called after a replica has committed in these projects; undefined means any project. */
  readonly onCommit: (projects: readonly string[] | undefined) => void
}

/**
 * Notifies other replicas of commits. Correctness does not depend on it: each replica also polls
 * every second.
 */
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

  /** Queues a notification for a project. All queued projects are sent together within 20 ms. */
  notify(project: string): void {
    this.#projects.add(project)
    this.#cancelSend ??= this.#options.clock.timer(coalesceMs, () => {
      this.#cancelSend = undefined
      // The notification is lost with its connection. The others find the commit when they poll.
      this.#send().catch(() => this.#projects.clear())
    })
  }

  async listen(): Promise<void> {
    const { url } = this.#options
    if (url === undefined) return
    const listener = new Client(connectionConfigOf(url))
    listener.on('error', () => this.#scheduleReconnect())
    listener.on('end', () => this.#scheduleReconnect())
    listener.on('notification', ({ payload = '' }) => this.#receive(payload))
    try {
      await listener.connect()
      await listener.query(`LISTEN ${channel}`)
      this.#listener = listener
      // Commits from the time without a listener.
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
