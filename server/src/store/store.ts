import { type SQL, sql } from 'drizzle-orm'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import type { Commit } from './commit/commit.ts'
import type { NewEvent } from './event-log/new-event.ts'
import type { Tables } from './tables/tables.ts'

/**
 * The query builder of operations. It has SQLite's types for both engines, in their asynchronous
 * form. Code outside this folder must therefore await every statement, which PostgreSQL needs.
 */
export type Db = BaseSQLiteDatabase<'async', unknown>

/** The parts of a statement: the builder, the tables and a placeholder for each parameter. */
export interface StatementParts<P> {
  readonly db: Db
  readonly t: Tables
  readonly p: { readonly [K in keyof P]-?: SQL }
  /** Locks the found rows until the commit and skips rows that another transaction has locked. */
  skipLocked<T>(query: T): T
  /** Locks the found rows until the commit and waits for other locks on them. */
  locked<T>(query: T): T
  /**
   * Locks the found rows against changes until the commit and waits for transactions that are
   * changing them. Other readers may hold the same lock.
   */
  shared<T>(query: T): T
}

/**
 * A statement with named parameters, built once per connection. Building SQL through Drizzle on
 * each call costs about 25 times the statement itself; a prepared one costs about twice.
 */
export interface Statement<P, R> {
  readonly build: (query: StatementParts<P>) => { execute(values: Record<string, unknown>): Promise<R[]> }
  /** True if it changes at most one row and returns it. */
  readonly isSingleRowUpdate?: true
}

export const statement = <P extends object, R>(build: Statement<P, R>['build']): Statement<P, R> => ({ build })

/**
 * Marks an update that changes at most one row and returns it. Only such updates of operations that
 * run at the same time become one statement.
 */
export const singleRowUpdate = <P extends object, R>(update: Statement<P, R>): Statement<P, R> => ({
  ...update,
  isSingleRowUpdate: true,
})

/** Defines a statement that returns no rows. */
export const rowlessStatement = <P extends object>(
  build: (query: StatementParts<P>) => { execute(values: Record<string, unknown>): Promise<unknown> },
): Statement<P, never> => ({ build: build as Statement<P, never>['build'] })

/** Returns a placeholder for a position where the builder takes no SQL, such as `limit`. */
export const placeholder = (name: string) => sql.placeholder(name)

/** A consistent view of the store for queries. */
export interface Reader {
  readonly db: Db
  readonly t: Tables
  /** The store's time in milliseconds since 1970. It alone decides leases, retries and expiry. */
  readonly now: number
  /** Returns all rows of the statement. */
  run<P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]>
}

/**
 * A notification that is sent after a commit. It is a hint: correctness never depends on its
 * arrival.
 */
export type StoreNotification =
  | {
      readonly topic: 'tasks'
      readonly project: string
      readonly requires: string
      readonly assignedTo: string
      readonly count: number
    }
  | { readonly topic: 'lease'; readonly agentId: string; readonly taskId: string; readonly attempt: number }
  | {
      readonly topic: 'inbox'
      readonly agentId: string
      /** `message`: a message is deliverable. `capacity`: one delivery fewer is unsettled. */
      readonly reason: 'message' | 'capacity'
    }
  | {
      readonly topic: 'incarnation'
      readonly agentId: string
      readonly incarnation: number
      /** True if the agent has been unregistered. */
      readonly unregistered?: true
    }
  | {
      /**
       * The eligibility of one agent changed, or with null that of all agents of the project; their
       * waiters try again.
       */
      readonly topic: 'fleet'
      readonly project: string
      readonly agentId: string | null
    }
  /** A message that its send has stored as delivered. Only the process of the send gets it. */
  | { readonly topic: 'delivery'; readonly push: () => void }
  | { readonly topic: 'reply'; readonly requestId: string }
  | {
      readonly topic: 'revoked'
      readonly sessions: readonly string[]
      /** Id of the key, if a key was revoked. */
      readonly key?: string
    }
  | { readonly topic: 'events'; readonly project: string }
  /** The store has a new epoch, so cached parts of any feed may be wrong. */
  | { readonly topic: 'epoch' }

/**
 * The lane in which an operation waits for its turn. `urgent` goes first: heartbeats and all other
 * operations that keep or end a lease, a delivery or a session. `bulk` goes last.
 */
export type Lane = 'urgent' | 'normal' | 'bulk'

export interface Transaction extends Reader {
  /** True if nothing else writes before the commit: then a read followed by a write is atomic. */
  readonly isSoleWriter: boolean
  /**
   * The store's time at which the operation reached this server. Deadlines count as met by this
   * time: waiting in the server's own queue is nobody's failure.
   */
  readonly arrivedAt: number
  /**
   * The time up to which every urgent operation that reached this server has run. A sweep ends only
   * leases and deliveries whose deadline was before it.
   */
  readonly settledAt: number
  /**
   * Waits until no other open transaction of the project has called `exclusive` with the same
   * `what`, and blocks later ones until this one commits. It protects a rule across rows that no
   * constraint can express. It first calls `afterEarlier`, which keeps the operations of one batch
   * apart. An engine with one writer does only that: SQLite, and PostgreSQL with the writer lock.
   */
  exclusive(what: 'locks' | 'dependencies'): Promise<void>
  /**
   * Returns the value under a key that all operations share which run at the same time; the first
   * of them creates it. An operation that runs alone gets a new one at each call.
   */
  share<T>(key: string, create: () => T): T
  /**
   * Resolves when every earlier operation of the same caller that runs at the same time has called
   * it too, or has ended. Rows that are written after it are in the order of the calls.
   */
  inOrder(): Promise<void>
  /**
   * Resolves when no earlier operation of the same group is running: each has ended, or waits in
   * `beginSecondPart`. The statements after it therefore run for one operation after another, which
   * a rule across rows needs.
   */
  afterEarlier(): Promise<void>
  /**
   * Ends the first part of the operation and waits until every operation that runs at the same time
   * has ended its own. The second part can therefore read the rows that the others have written.
   * Its events come after those of all first parts.
   */
  beginSecondPart(): Promise<void>
  /**
   * Appends an event to the project's feed in this transaction. The batch numbers it at its end; a
   * failed operation discards it.
   */
  append(event: NewEvent): void
  /** Queues a notification that is sent after the commit. */
  notify(notification: StoreNotification): void
}

/**
 * The writer: an agent by its session, or a key. The check at the end of the batch rejects writes
 * of a superseded incarnation, a revoked session or a revoked key.
 */
export type Fence =
  | { readonly sessionId: string; readonly agentId: string; readonly incarnation: number }
  | { readonly credentialId: string }

export interface TransactionParams {
  readonly project: string
  /** Default `normal`. */
  readonly lane?: Lane
  /** Callers of one lane are served in rotation. The server itself counts as one caller. */
  readonly caller?: string
  /**
   * On PostgreSQL, operations of a batch run at the same time if their lists have no key in common.
   * Without this field the operation runs alone; an empty list has no key in common with any other.
   * Such operations interleave their statements in one transaction, so row locks do not keep them
   * apart. Each rule they check is therefore one conditional statement, uses `share`, or reads only
   * rows that a key of the list names.
   */
  readonly serialKeys?: readonly string[] | undefined
  /** True if the operation frees disk space. It is then tried even while the disk is full. */
  readonly freesSpace?: true
  readonly fence?: Fence | undefined
  /** Request id of the call. It is stored in the operation's events for the audit. */
  readonly requestId?: string
  /**
   * The store's time at which the call of the operation reached this server. Default: the present
   * one.
   */
  readonly arrivedAt?: number | undefined
  /** Called once the operation has committed, with the number of its events. */
  readonly onCommit?: ((events: number) => void) | undefined
}

/** The part of a scope that decides about the order of operations. */
export type QueueKey = Pick<TransactionParams, 'project' | 'caller' | 'lane'>

/** The operations of one lane that wait for a writer. */
export interface LaneState {
  /** Milliseconds that the oldest of them has waited; 0 if none waits. */
  readonly ageMs: number
  /** Their number. */
  readonly waiting: number
}

/** The operations that wait for a writer, by lane. Those of the batch that runs do not count. */
export type WriteQueueState = Readonly<Record<Lane, LaneState>>

/** The state of the disk space for writes. */
export interface DiskSpaceState {
  readonly full: boolean
  /** Accepts writes again if there is space. */
  check(): Promise<void>
  /** Calls `listener` when the disk becomes full and when writes are accepted again. */
  onChange(listener: (full: boolean) => void): void
}

/**
 * The store interface: only its implementations know which database they use.
 *
 * `transact` may run `work` more than once and commits it together with others. `work` must
 * therefore await only statements of its `tx` and have no effect outside it. The promise settles
 * after the commit.
 */
export interface Store extends AsyncDisposable {
  /**
   * The failure that an acknowledged write survives: `disk` a power cut, `process` a crash of the
   * process.
   */
  readonly durability: 'disk' | 'process'
  /** Changes when the store is restored from a backup or a standby takes over. */
  readonly epoch: string
  /** Random bytes that are created with the store and kept in it. They sign the lease tokens. */
  readonly secret: Uint8Array
  /** The store's time, as close as this process can tell without a query. */
  readonly now: () => number
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  transact<T>(scope: TransactionParams, work: (tx: Transaction) => Promise<T>): Promise<T>
  /**
   * The longest wait in milliseconds that is ahead of a new operation with this key: that of the
   * oldest operation of its caller, or of the caller that is served next, in its lane and the
   * higher ones. 0 if nothing waits.
   */
  queueAgeMs(place: QueueKey): number
  /** The operations that wait for a writer now, of all projects. */
  readonly queueState: WriteQueueState
  /**
   * Sets the source of the earliest arrival among the calls that have reached this process and are
   * in no queue yet; infinity if there is none. `settledAt` is not after it.
   */
  setArrivalSource(earliest: () => number): void
  /** Calls `listener` for each notification after its commit. The result unsubscribes it. */
  onNotification(listener: (notification: StoreNotification) => void): () => void
  /** Calls `listener` after each commit of this process. */
  onCommit(listener: (commit: Commit) => void): void
  isUniqueViolation(error: unknown): boolean
  /**
   * Resolves when the store was migrated and its `minReader` excludes this version. Reads and
   * writes then fail.
   */
  readonly outdated?: Promise<Error>
  /**
   * State of the disk if this process watches it. While the disk is full, writes fail with
   * STORAGE_FULL.
   */
  readonly diskSpace?: DiskSpaceState | undefined
  /** Returns the size of the write-ahead log. Absent if it is not a file of this process. */
  readonly walBytes?: () => number
  /** Returns the size of the database, without its write-ahead log. */
  databaseBytes(): Promise<number>
  /**
   * Returns free pages of deleted rows to the disk and returns their number. Absent if the engine
   * does so without it.
   */
  readonly reclaimPages?: () => Promise<number>
}
