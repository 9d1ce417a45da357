import { yieldToEventLoop } from '../../platform/clock.ts'
import type { NewEvent, Reader, StoreNotification, Transaction } from '../store.ts'
import type { Connection, Engine, PendingOperation } from './engine.ts'
import { joinGroup, soleMember } from './parallel-groups.ts'

/** The result of an operation, and its events and notifications for a batch that commits. */
export type OperationResult =
  | {
      readonly ok: true
      readonly value: unknown
      readonly events: readonly NewEvent[]
      readonly notifications: readonly StoreNotification[]
    }
  | { readonly ok: false; readonly error: unknown }

type OutcomeOf = readonly [item: PendingOperation, outcome: OperationResult]

interface OperationRunnerOptions {
  readonly engine: Engine
  readonly connection: Connection
  /** The time up to which every urgent operation of a project has run. */
  readonly settledAt: (project: string) => number
}

/** Runs the operations of one batch on its connection. */
export class OperationRunner {
  readonly #options: OperationRunnerOptions

  constructor(options: OperationRunnerOptions) {
    this.#options = options
  }

  /** Runs one operation, in a savepoint of its own if it may fail without the others. */
  async runAlone(item: PendingOperation, withSavepoint: boolean): Promise<OutcomeOf> {
    const { connection, engine } = this.#options
    if (withSavepoint) await connection.savepoint()
    try {
      const outcome = await this.#run(item, connection.run, soleMember)
      if (withSavepoint) await connection.release()
      return [item, outcome]
    } catch (error) {
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
  async runTogether(items: readonly PendingOperation[]): Promise<OutcomeOf[]> {
    const { engine, connection } = this.#options
    const run = connection.runTogether ?? connection.run
    const members = joinGroup(items)
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

  async #run(
    item: PendingOperation,
    run: Reader['run'],
    member: ReturnType<typeof joinGroup>[number],
  ): Promise<OperationResult> {
    const { connection, settledAt: settledAtOf } = this.#options
    const events: NewEvent[] = []
    const notifications: StoreNotification[] = []
    let ended = false
    let settledAt: number | undefined
    const tx: Transaction = {
      db: connection.db,
      t: connection.t,
      now: connection.now,
      arrivedAt: Math.min(item.arrivedAt, connection.now),
      get settledAt() {
        settledAt ??= Math.min(connection.now, settledAtOf(item.scope.project))
        return settledAt
      },
      run: this.#runYielding(run, () => ended),
      exclusive: (what) => connection.exclusive(what),
      share: member.share,
      inOrder: member.inOrder,
      append: (event) => events.push(event),
      notify: (notification) => notifications.push(notification),
    }
    try {
      return { ok: true, value: await item.work(tx), events, notifications }
    } finally {
      ended = true
      member.end()
    }
  }

  /**
   * Runs the statements of an operation. Once the operation has held the event loop for too long,
   * it lets other callbacks run between its statements. The transaction stays open: other writes
   * wait, and reads have a connection of their own.
   *
   * After the end of the operation its statements are refused. Several may wait for their turn when
   * one of them fails, and they would run outside the transaction that was rolled back.
   */
  #runYielding(run: Reader['run'], hasEnded: () => boolean): Reader['run'] {
    const { startTimeSlice } = this.#options.engine
    let isHeldTooLong = startTimeSlice()
    return async (statement, params) => {
      while (isHeldTooLong()) {
        await yieldToEventLoop()
        isHeldTooLong = startTimeSlice()
      }
      if (hasEnded()) throw new Error('a statement of an operation came after its end')
      return run(statement, params)
    }
  }
}
