import { yieldToEventLoop } from '../../platform/clock.ts'
import type { NewEvent } from '../event-log/new-event.ts'
import type { Reader, Statement, StoreNotification, Transaction } from '../store.ts'
import type { Engine, EngineConnection, PendingOperation } from './engine.ts'
import { laneOf } from './fair-queue.ts'
import { createGroupMembers, type GroupMember, soleMember } from './parallel-groups.ts'

/** The result of an operation, and its events and notifications for a batch that commits. */
export type OperationResult =
  | {
      readonly ok: true
      readonly value: unknown
      readonly events: readonly NewEvent[]
      readonly eventsOfSecondPart: readonly NewEvent[]
      readonly notifications: readonly StoreNotification[]
    }
  | { readonly ok: false; readonly error: unknown }

export type ResultEntry = readonly [item: PendingOperation, result: OperationResult]

interface OperationRunnerParams {
  readonly engine: Engine
  readonly connection: EngineConnection
  /** The time up to which every urgent operation of a project has run. */
  readonly settledAt: (project: string) => number
}

/**
 * The transaction as one operation sees it. A class, because an object with a getter costs a
 * microsecond to create.
 */
class OperationTransaction implements Transaction {
  readonly db: Transaction['db']
  readonly t: Transaction['t']
  readonly now: number
  readonly arrivedAt: number
  readonly isSoleWriter: boolean
  readonly share: Transaction['share']
  readonly inOrder: Transaction['inOrder']
  readonly afterEarlier: Transaction['afterEarlier']
  readonly beginSecondPart: Transaction['beginSecondPart']
  readonly events: NewEvent[] = []
  readonly eventsOfSecondPart: NewEvent[] = []
  readonly notifications: StoreNotification[] = []
  run: Reader['run']
  // Not methods: operations take them out of the object.
  readonly append = (event: NewEvent): void => void this.#part.push(event)
  readonly notify = (notification: StoreNotification): void => void this.notifications.push(notification)
  readonly exclusive: Transaction['exclusive']
  hasEnded = false
  #part = this.events
  readonly #readSettledAt: () => number
  #settledAt: number | undefined

  constructor(
    { arrivedAt, scope }: PendingOperation,
    { share, inOrder, afterEarlier, beginSecondPart }: GroupMember,
    { connection, settledAt }: OperationRunnerParams,
  ) {
    this.db = connection.db
    this.t = connection.t
    this.run = connection.run
    this.now = connection.now
    this.arrivedAt = Math.min(arrivedAt, connection.now)
    this.isSoleWriter = connection.isSoleWriter ?? false
    this.share = share
    this.inOrder = inOrder
    this.afterEarlier = afterEarlier
    this.beginSecondPart = () => {
      this.#part = this.eventsOfSecondPart
      return beginSecondPart()
    }
    this.exclusive = (what) => afterEarlier().then(() => connection.exclusive(what))
    this.#readSettledAt = () => settledAt(scope.project)
  }

  get settledAt(): number {
    this.#settledAt ??= Math.min(this.now, this.#readSettledAt())
    return this.#settledAt
  }
}

const toResult = (
  { events, eventsOfSecondPart, notifications }: OperationTransaction,
  value: unknown,
): OperationResult => ({ ok: true, value, events, eventsOfSecondPart, notifications })

/** Runs the operations of one batch on its connection. */
export class OperationRunner {
  readonly #options: OperationRunnerParams

  constructor(options: OperationRunnerParams) {
    this.#options = options
  }

  /** Runs one operation, in a savepoint of its own if it may fail without the others. */
  async runAlone(item: PendingOperation, withSavepoint: boolean): Promise<ResultEntry> {
    const { connection, engine } = this.#options
    // It inserts many rows at once: on PostgreSQL 200 tasks are one statement.
    const run = (laneOf(item.scope) === 'bulk' ? connection.runTogether : undefined) ?? connection.run
    if (withSavepoint) await connection.savepoint()
    const tx = this.#createTransaction(item, run, soleMember)
    try {
      const value = await item.work(tx)
      tx.hasEnded = true
      if (withSavepoint) await connection.releaseSavepoint()
      return [item, toResult(tx, value)]
    } catch (error) {
      tx.hasEnded = true
      // A conflict concerns the whole transaction, so every operation in it runs again.
      if (engine.isTransient(error)) throw error
      // An error that ended the transaction, such as a full disk, fails every operation in it.
      if (withSavepoint && !(await connection.rollbackToSavepoint())) throw error
      return [item, { ok: false, error: engine.translateError(error) }]
    }
  }

  /**
   * Runs the operations of a group at the same time. It waits for all of them: after the failure of
   * one, a statement of another may still be on its way.
   */
  async runTogether(items: readonly PendingOperation[]): Promise<ResultEntry[]> {
    const { engine, connection } = this.#options
    const run = connection.runTogether ?? connection.run
    const members = createGroupMembers(items)
    const settled = await Promise.allSettled(
      items.map((item, index) => this.#run(item, run, members[index] ?? soleMember)),
    )
    const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    // The others have failed because the transaction had.
    const conflict = errors.find((error) => engine.isTransient(error))
    if (conflict !== undefined) throw conflict
    const outcomeOf = (result: PromiseSettledResult<OperationResult> | undefined): OperationResult =>
      result?.status === 'fulfilled' ? result.value : { ok: false, error: engine.translateError(result?.reason) }
    return items.map((item, index) => [item, outcomeOf(settled[index])])
  }

  async #run(item: PendingOperation, run: Reader['run'], member: GroupMember): Promise<OperationResult> {
    const tx = this.#createTransaction(item, run, member)
    try {
      return toResult(tx, await item.work(tx))
    } finally {
      tx.hasEnded = true
      member.end()
    }
  }

  #createTransaction(item: PendingOperation, run: Reader['run'], member: GroupMember): OperationTransaction {
    const tx = new OperationTransaction(item, member, this.#options)
    tx.run = this.#runYielding(run, tx)
    return tx
  }

  /**
   * Runs the statements of an operation. Once the operation has held the event loop for too long,
   * it lets other callbacks run between its statements. The transaction stays open: other writes
   * wait, and reads have a connection of their own.
   *
   * After the end of the operation its statements are refused. Several may wait for their turn when
   * one of them fails, and they would run outside the transaction that was rolled back.
   */
  #runYielding(run: Reader['run'], tx: OperationTransaction): Reader['run'] {
    const { startTimeSlice } = this.#options.engine
    let isHeldTooLong = startTimeSlice('operation')
    const runLater = async <P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]> => {
      while (isHeldTooLong()) {
        await yieldToEventLoop()
        isHeldTooLong = startTimeSlice('operation')
      }
      if (tx.hasEnded) throw new Error('a statement of an operation came after its end')
      return run(statement, params)
    }
    // Not an async function: its promise around that of the statement costs as much as a lookup.
    return (statement, params) =>
      isHeldTooLong() || tx.hasEnded ? runLater(statement, params) : run(statement, params)
  }
}
