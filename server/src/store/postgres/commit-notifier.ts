import { Client } from 'pg'
import type { Clock } from '../../platform/clock.ts'
import { type Connections, clientSettings } from './pool.ts'

const channel = 'tony_mcp'

/** Hints of one replica within this time are one notification, in milliseconds: a commit with one takes a lock on the database. */
const coalesceMs = 20

/** How long until a listener that lost its connection tries again, in milliseconds. */
const reconnectMs = 1_000

/** More projects in one notification than this is 'everywhere': its text is limited to 8 000 bytes. */
const projectLimit = 100

export interface HintOptions {
  /** Straight to the database: a pooler passes no notifications on. Undefined where there is no such way: nothing is heard then. */
  readonly url: string | undefined
  readonly connections: Connections
  readonly clock: Clock
  /** Tells each process from the others, whose hints it listens to. */
  readonly name: string
  /** Some replica has committed in these projects; in any where absent. */
  readonly heard: (projects: readonly string[] | undefined) => void
}

/** Tells other replicas where something was committed. Nothing depends on a hint arriving: all look by themselves each second. */
export class Hints {
  readonly #options: HintOptions
  readonly #projects = new Set<string>()
  #sending: (() => void) | undefined
  #listener: Client | undefined
  #retry: (() => void) | undefined
  #closed = false

  constructor(options: HintOptions) {
    this.#options = options
  }

  /** Says that something was committed in a project: within 20 ms, together with what else was by then. */
  tell(project: string): void {
    this.#projects.add(project)
    this.#sending ??= this.#options.clock.timer(coalesceMs, () => {
      this.#sending = undefined
      // Lost with its connection: the others find it when they look.
      this.#send().catch(() => this.#projects.clear())
    })
  }

  async listen(): Promise<void> {
    const { url } = this.#options
    if (url === undefined) return
    const listener = new Client(clientSettings(url))
    listener.on('error', () => this.#again())
    listener.on('end', () => this.#again())
    listener.on('notification', ({ payload = '' }) => this.#hear(payload))
    try {
      await listener.connect()
      await listener.query(`LISTEN ${channel}`)
      this.#listener = listener
      // What was said while nobody listened.
      this.#options.heard(undefined)
    } catch {
      this.#again()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sending?.()
    this.#retry?.()
    await this.#listener?.end()
  }

  #again(): void {
    if (this.#closed || this.#retry) return
    this.#listener = undefined
    this.#retry = this.#options.clock.timer(reconnectMs, () => {
      this.#retry = undefined
      void this.listen()
    })
  }

  async #send(): Promise<void> {
    const projects = [...this.#projects]
    this.#projects.clear()
    const where = projects.length > projectLimit ? '*' : projects.join(' ')
    await this.#options.connections.lend(({ client }) =>
      client.query('SELECT pg_notify($1, $2)', [channel, `${this.#options.name} ${where}`]),
    )
  }

  #hear(payload: string): void {
    const [name, ...projects] = payload.split(' ')
    if (name === this.#options.name) return
    this.#options.heard(projects.includes('*') ? undefined : projects)
  }
}
