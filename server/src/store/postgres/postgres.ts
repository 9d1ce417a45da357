import { Client } from 'pg'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { Commit } from '../commit/commit.ts'
import type { Engine } from '../commit/engine.ts'
import { type CommitResult, GroupCommit } from '../commit/group-commit.ts'
import { createTimeSliceStarter } from '../commit/time-slices.ts'
import { migrationsFolderOf } from '../migrations/folder.ts'
import { readMigrations, type SchemaError } from '../migrations/migrate.ts'
import type {
  QueueKey,
  Reader,
  Store,
  StoreNotification,
  Transaction,
  TransactionParams,
  WriteQueueState,
} from '../store.ts'
import { CommitNotifier } from './commit-notifier.ts'
import { BatchConnection, type BatchConnectionOptions } from './connection.ts'
import { DatabaseTime } from './database-time.ts'
import { PostgresDiskSpace } from './disk-space.ts'
import { isNotBegunError, isTransient, sqlState, translateError } from './errors.ts'
import { readDatabaseBytes, readEpoch, readFacts, refuseUnfinishedMove, type StoreFacts } from './facts.ts'
import { migratePostgres } from './migrate.ts'
import { ConnectionPool, connectionConfigOf, connectTo } from './pool.ts'
import { RemoteCommits } from './remote-commits.ts'
import { ReplicaHeartbeat } from './replica-heartbeat.ts'
import { ReplicaPoller } from './replica-poller.ts'
import { refuseUnsafeSettings } from './safety-checks.ts'
import { SchemaVersionWatch } from './schema-version.ts'
import { postgresTables } from './statements.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /**
   * Direct address of the database for migrations and notifications; absent if `url` is not a
   * pooler or there is no direct way.
   */
  readonly directUrl?: string | undefined
  /** True if `url` leads to a pooler in transaction mode. */
  readonly pooler?: boolean
  /**
   * `process` does not wait for the disk at each commit: a crash of the database may lose the last
   * acknowledged writes.
   */
  readonly durability?: 'disk' | 'process'
  /**
   * True if replicas notify each other of commits. Otherwise a replica finds the commits of others
   * within a second; correctness does not depend on it.
   */
  readonly notify?: boolean
  /**
   * True if batches of one project take the writer lock across replicas. Without it they conflict
   * on each other's rows.
   */
  readonly writerLock?: boolean
  /**
   * Time in milliseconds after which a batch begins no more operations, because other replicas may
   * wait for the writer lock. Default 200.
   */
  readonly timeSliceMs?: number
  readonly clock?: Clock
  /** Replaces the database's time in tests. Outages then extend no deadline. */
  readonly time?: (() => number) | undefined
}

/** Connections for batches, one per project that is writing, and for reads. */
const poolSizes = { writers: 4, readers: 6 } as const

export const postgresMigrationsFolder = migrationsFolderOf('postgres')

/** Checks the server's settings and applies the migrations, on a direct connection. */
async function prepareDatabase(url: string, durability: 'disk' | 'process'): Promise<StoreFacts> {
  const client = new Client(connectionConfigOf(url))
  // A lost connection fails the query that is waiting; without a listener it would end the process.
  client.on('error', () => undefined)
  await connectTo(client, url)
  try {
    await refuseUnsafeSettings(client, durability)
    await migratePostgres(client, readMigrations(postgresMigrationsFolder))
    await refuseUnfinishedMove(client)
    return await readFacts(client)
  } finally {
    await client.end()
  }
}

/** Time after which a batch of bulk operations gives way to others, in milliseconds. */
const bulkSliceMs = 10

interface EngineOptions {
  readonly clock: Clock
  readonly timeSliceMs: number
  readonly writers: ConnectionPool
  readonly heartbeat: ReplicaHeartbeat
  readonly time: DatabaseTime
  readonly diskSpace: PostgresDiskSpace
  readonly connectionOptions: BatchConnectionOptions
}

/** Runs one batch at a time for each project. */
const createEngine = ({
  clock,
  writers,
  heartbeat,
  time,
  diskSpace,
  connectionOptions,
  timeSliceMs,
}: EngineOptions): Engine => ({
  writerOf: (project) => project,
  withConnection: async (work) => {
    await heartbeat.ensureFresh()
    return writers.withConnection(async (connection) => {
      try {
        return await work(new BatchConnection(connection, time, connectionOptions))
      } catch (error) {
        connection.discard()
        throw error
      }
    })
  },
  startTimeSlice: createTimeSliceStarter(clock, { batch: timeSliceMs, bulk: bulkSliceMs, isOwnThread: false }),
  monotonic: () => clock.monotonic(),
  isTransient,
  neverBegan: isNotBegunError,
  translateError: (error) => {
    diskSpace.observe(error)
    return translateError(error)
  },
})

/** The store of one replica on PostgreSQL. */
class PostgresStore implements Store {
  readonly durability: 'disk' | 'process'
  readonly diskSpace: PostgresDiskSpace
  readonly secret: Uint8Array
  readonly #time: DatabaseTime
  readonly #writers: ConnectionPool
  readonly #readers: ConnectionPool
  readonly #schemaVersion = new SchemaVersionWatch(readMigrations(postgresMigrationsFolder).length - 1)
  readonly #heartbeat: ReplicaHeartbeat
  readonly #remoteCommits: RemoteCommits
  readonly #poller: ReplicaPoller
  readonly #notifier: CommitNotifier | undefined
  readonly #batches: GroupCommit
  readonly #listeners = new Set<(notification: StoreNotification) => void>()
  readonly #commitListeners: ((commit: Commit) => void)[] = []
  #closed: Promise<void> | undefined

  constructor(options: PostgresOptions, facts: StoreFacts) {
    const { url, pooler = false, durability = 'disk', notify = true, writerLock = true } = options
    const direct = options.directUrl ?? (pooler ? undefined : url)
    const { clock = systemClock, time: override, timeSliceMs = 200 } = options
    this.durability = durability
    this.secret = facts.secret
    this.#time = new DatabaseTime(clock, override)
    this.#time.sync(facts.now)
    // Before the first read or write on a new connection: a promoted standby may be behind it.
    const readEpochFrom = async (client: Pick<Client, 'query'>) => {
      const { epoch, needed } = await readEpoch(client)
      this.#schemaVersion.check(needed)
      return epoch
    }
    const onConnect = async (client: Pick<Client, 'query'>) => this.#poller.observeEpoch(await readEpochFrom(client))
    const poolOptions = { url, pooler, durability, onConnect }
    this.#writers = new ConnectionPool({ ...poolOptions, size: poolSizes.writers })
    const readers = new ConnectionPool({ ...poolOptions, size: poolSizes.readers })
    this.#readers = readers
    this.diskSpace = new PostgresDiskSpace(readers)
    this.#heartbeat = new ReplicaHeartbeat({
      connections: readers,
      clock,
      time: this.#time,
      extendsDeadlines: override === undefined,
    })
    this.#remoteCommits = new RemoteCommits(readers, (notifications) => this.#notify(notifications))
    const pollEpoch = () => readers.withConnection(({ client }) => readEpochFrom(client))
    const { remoteCommits, heartbeat } = { remoteCommits: this.#remoteCommits, heartbeat: this.#heartbeat }
    const onEpoch = () => this.#notify([{ topic: 'epoch' }])
    this.#poller = new ReplicaPoller({ heartbeat, remoteCommits, clock, readEpoch: pollEpoch, onEpoch }, facts.epoch)
    const onCommit = (projects: readonly string[] | undefined) => this.#poller.poll(projects)
    this.#notifier = notify
      ? new CommitNotifier({ url: direct, connections: readers, clock, name: uuidv7(), onCommit })
      : undefined
    const engine = createEngine({
      clock,
      timeSliceMs,
      writers: this.#writers,
      heartbeat,
      time: this.#time,
      diskSpace: this.diskSpace,
      connectionOptions: { writerLock, pooler, schemaVersion: this.#schemaVersion },
    })
    this.#batches = new GroupCommit(engine, this.now, (commit) => this.#afterCommit(commit))
  }

  /** Extends deadlines after an outage before any other work; then listens for notifications. */
  async start(): Promise<void> {
    await this.#heartbeat.send()
    await this.#remoteCommits.poll()
    await this.#notifier?.listen()
    this.#poller.start()
  }

  get epoch(): string {
    return this.#poller.epoch
  }

  get outdated(): Promise<SchemaError> {
    return this.#schemaVersion.outdated
  }

  readonly now = (): number => this.#time.now()

  async read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    try {
      this.#schemaVersion.requireCurrent()
      await this.#heartbeat.ensureFresh()
      return await this.#readers.withConnection(({ db, run }) => work({ db, run, t: postgresTables, now: this.now() }))
    } catch (error) {
      throw translateError(error)
    }
  }

  transact<T>(scope: TransactionParams, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#batches.transact(scope, work)
  }

  queueAgeMs(place: QueueKey): number {
    return this.#batches.queueAgeMs(place)
  }

  setArrivalSource(earliest: () => number): void {
    this.#batches.setArrivalSource(earliest)
  }

  get queueState(): WriteQueueState {
    return this.#batches.queueState
  }

  onNotification(listener: (notification: StoreNotification) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.#commitListeners.push(listener)
  }

  databaseBytes(): Promise<number> {
    return this.#readers.withConnection(({ client }) => readDatabaseBytes(client))
  }

  isUniqueViolation(error: unknown): boolean {
    return sqlState(error) === '23505'
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #notify(notifications: readonly StoreNotification[]): void {
    for (const notification of notifications) for (const listener of this.#listeners) listener(notification)
  }

  #afterCommit(commit: CommitResult): void {
    const { project, notifications, eventRange } = commit
    if (eventRange) this.#remoteCommits.skipOwn(eventRange)
    this.#notify(notifications)
    if (notifications.length > 0) this.#notifier?.notify(project)
    for (const listener of this.#commitListeners) listener(commit)
  }

  async #close(): Promise<void> {
    await this.#batches.close()
    await this.#poller.stop()
    await this.#notifier?.close()
    await Promise.all([this.#writers.close(), this.#readers.close()])
  }
}

/** Opens the store on PostgreSQL. Any number of processes may have it open at once. */
export async function openPostgres(options: PostgresOptions): Promise<Store> {
  const facts = await prepareDatabase(options.directUrl ?? options.url, options.durability ?? 'disk')
  const store = new PostgresStore(options, facts)
  try {
    await store.start()
    return store
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}
