import type { Reader, Transaction, TransactionParams } from '../store.ts'
import type { QueuedOperation } from './fair-queue.ts'

/** The operations on a connection that differ between engines. */
export interface EngineConnection extends Reader {
  /** True if operations run one at a time and no other process writes. Default false. */
  readonly isSoleWriter?: true
  begin(project: string): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  savepoint(): Promise<void>
  releaseSavepoint(): Promise<void>
  /**
   * Returns false if the operation's error has ended the transaction. Throws on a lost connection,
   * which fails the whole batch.
   */
  rollbackToSavepoint(): Promise<boolean>
  exclusive(what: string): Promise<void>
  /**
   * Runs statements of operations that run at the same time; absent if the engine gains nothing
   * from it.
   */
  readonly runTogether?: Reader['run'] | undefined
}

/** The parts of a database that batches use. */
export interface Engine {
  /** Returns the writer of a project. Batches of one writer run one after another. */
  writerOf(project: string): string
  /** Lends a connection until `work` settles. */
  withConnection<T>(work: (connection: EngineConnection) => Promise<T>): Promise<T>
  /** True for a conflict with other transactions, after which the same work may succeed. */
  isTransient(error: unknown): boolean
  /** True if the transaction could not begin, so nothing was done. */
  neverBegan(error: unknown): boolean
  /**
   * Starts a time slice: the time in which a batch may begin operations, or in which an operation
   * may hold the event loop. That of `bulk` is shorter: after it a batch of bulk operations gives
   * way to others that have arrived. The returned function is true once the slice is over.
   */
  readonly startTimeSlice: (kind: 'batch' | 'operation' | 'bulk') => () => boolean
  /** Milliseconds since an arbitrary start. */
  readonly monotonic: () => number
  /** Converts a known error of the engine to a CoordinationError. */
  translateError(error: unknown): unknown
}

export interface PendingOperation extends QueuedOperation {
  readonly scope: TransactionParams
  readonly work: (tx: Transaction) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}
