import { Client } from 'pg'
import { uuidv7 } from 'uuidv7'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { Batches, type Engine } from '../commit/batches.ts'
import { readMigrations, type SchemaError } from '../migrations/migrate.ts'
import type { Reader, Scope, Store, Transaction, Wake } from '../store.ts'
import { BatchConnection, type Batching } from './connection.ts'
import { DatabaseTime } from './database-time.ts'
import { postgresTables } from './statements.ts'
import { hasNotBegun, isTransient, sqlState, translate } from './errors.ts'
import { type Facts, readEpoch, readFacts, refuseHalfMoved } from './facts.ts'
import { migratePostgres } from './migrate.ts'
import { Hints } from './commit-notifier.ts'
import { Alive } from './replica-heartbeat.ts'
import { Outdated } from './schema-version.ts'
import { Connections, clientSettings, reach } from './pool.ts'
import { Pulse } from './poller.ts'
import { Elsewhere } from './remote-commits.ts'
import { refuseUnsafe } from './safety-checks.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /** Straight to the database, past a pooler: for migrations and notifications. Absent where `url` is that already, or there is no such way. */
  readonly directUrl?: string | undefined
  /** `url` leads to a pooler in transaction mode. */
  readonly pooler?: boolean
  /** `process` does not wait for the disk at each commit: a crash of the database may lose the last acknowledged writes. */
  readonly durability?: 'disk' | 'process'
  /** Whether replicas tell each other of commits. All is correct without; what others did is then seen within a second. */
  readonly notify?: boolean
  /** Whether batches of one project take turns over all replicas: without, they meet in each other's rows. */
  readonly turns?: boolean
  /** How long a batch goes on beginning operations while others may wait for the project's turn, in milliseconds. Default 200. */
  readonly turnMs?: number
  readonly clock?: Clock
  /** A time that stands in for the database's, for tests. An outage then extends nothing. */
  readonly time?: (() => number) | undefined
}

/** Connections for batches, one for each project that writes at the moment, and for reads. */
const poolSizes = { writers: 4, readers: 6 } as const

export const postgresMigrations = new URL('../../../../drizzle/postgres', import.meta.url)

/** Checks the server and brings the schema up to date, past any pooler. */
async function prepare(url: string, durability: 'disk' | 'process'): Promise<Facts> {
  const client = new Client(clientSettings(url))
  // What is lost fails the query that waits for it; an event nobody hears would end the process.
  client.on('error', () => undefined)
  await reach(client, url)
  try {
    await refuseUnsafe(client, durability)
    await migratePostgres(client, readMigrations(postgresMigrations))
    await refuseHalfMoved(client)
    return await readFacts(client)
  } finally {
    await client.end()
  }
}

interface EngineParts {
  readonly clock: Clock
  readonly turnMs: number
  readonly writers: Connections
  readonly alive: Alive
  readonly time: DatabaseTime
  readonly batching: Batching
}

/** One batch in flight for each project. */
const engineOn = ({ writers, alive, time, batching, clock, turnMs }: EngineParts): Engine => ({
  laneOf: (project) => project,
  withConnection: async (work) => {
    await alive.fresh()
    return writers.lend(async (lent) => {
      try {
        return await work(new BatchConnection(lent, time, batching))
      } catch (error) {
        lent.spoil()
        throw error
      }
    })
  },
  turn: () => {
    const since = clock.monotonic()
    return () => clock.monotonic() - since > turnMs
  },
  isTransient,
  hasNotBegun,
  translate,
})

/** One replica of a store on PostgreSQL. */
class PostgresStore implements Store {
  readonly durability: 'disk' | 'process'
  readonly secret: Uint8Array
  readonly #time: DatabaseTime
  readonly #writers: Connections
  readonly #readers: Connections
  readonly #outdated = new Outdated(readMigrations(postgresMigrations).length - 1)
  readonly #alive: Alive
  readonly #elsewhere: Elsewhere
  readonly #pulse: Pulse
  readonly #hints: Hints | undefined
  readonly #batches: Batches
  readonly #listeners = new Set<(wake: Wake) => void>()
  #closed: Promise<void> | undefined

  constructor(options: PostgresOptions, facts: Facts) {
    const { url, pooler = false, durability = 'disk', notify = true, turns = true } = options
    const direct = options.directUrl ?? (pooler ? undefined : url)
    const { clock = systemClock, time: instead, turnMs = 200 } = options
    this.durability = durability
    this.secret = facts.secret
    this.#time = new DatabaseTime(clock, instead)
    this.#time.hear(facts.now)
    // Before anything is read or written on a new connection: behind it may be a standby that took over.
    const seenBy = async (client: Pick<Client, 'query'>) => {
      const { epoch, needed } = await readEpoch(client)
      this.#outdated.hear(needed)
      return epoch
    }
    const greet = async (client: Pick<Client, 'query'>) => this.#pulse.see(await seenBy(client))
    const same = { url, pooler, durability, greet }
    this.#writers = new Connections({ ...same, size: poolSizes.writers })
    const readers = new Connections({ ...same, size: poolSizes.readers })
    this.#readers = readers
    this.#alive = new Alive({ connections: readers, clock, time: this.#time, grace: instead === undefined })
    this.#elsewhere = new Elsewhere(readers, (wakes) => this.#wake(wakes))
    const seeEpoch = () => readers.lend(({ client }) => seenBy(client))
    const { elsewhere, alive } = { elsewhere: this.#elsewhere, alive: this.#alive }
    const onEpoch = () => this.#wake([{ topic: 'epoch' }])
    this.#pulse = new Pulse({ alive, elsewhere, clock, readEpoch: seeEpoch, onEpoch }, facts.epoch)
    const heard = (projects: readonly string[] | undefined) => this.#pulse.look(projects)
    this.#hints = notify ? new Hints({ url: direct, connections: readers, clock, name: uuidv7(), heard }) : undefined
    const engine = engineOn({
      clock,
      turnMs,
      writers: this.#writers,
      alive,
      time: this.#time,
      batching: { turns, pooler, outdated: this.#outdated },
    })
    this.#batches = new Batches(engine, ({ project, wakes, numbered }) => {
      if (numbered) elsewhere.own(numbered)
      this.#wake(wakes)
      if (wakes.length > 0) this.#hints?.tell(project)
    })
  }

  /** Extends deadlines after an outage, before anything else; then listens. */
  async begin(): Promise<void> {
    await this.#alive.say()
    await this.#elsewhere.look()
    await this.#hints?.listen()
    this.#pulse.start()
  }

  get epoch(): string {
    return this.#pulse.epoch
  }

  get outdated(): Promise<SchemaError> {
    return this.#outdated.happened
  }

  readonly now = (): number => this.#time.now()

  async read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    try {
      this.#outdated.refuse()
      await this.#alive.fresh()
      return await this.#readers.lend(({ db, run }) => work({ db, run, t: postgresTables, now: this.now() }))
    } catch (error) {
      throw translate(error)
    }
  }

  transact<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#batches.transact(scope, work)
  }

  onWake(listener: (wake: Wake) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  isUniqueViolation(error: unknown): boolean {
    return sqlState(error) === '23505'
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #wake(wakes: readonly Wake[]): void {
    for (const wake of wakes) for (const listener of this.#listeners) listener(wake)
  }

  async #close(): Promise<void> {
    await this.#batches.close()
    await this.#pulse.stop()
    await this.#hints?.close()
    await Promise.all([this.#writers.close(), this.#readers.close()])
  }
}

/** Opens the store on PostgreSQL: any number of processes may have it open at once. */
export async function openPostgres(options: PostgresOptions): Promise<Store> {
  const facts = await prepare(options.directUrl ?? options.url, options.durability ?? 'disk')
  const store = new PostgresStore(options, facts)
  try {
    await store.begin()
    return store
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}
