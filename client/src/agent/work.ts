import type { Client } from '../api/client.ts'
import { isFinalError, TonyError } from '../api/errors.ts'
import type { LeasedTask } from '../generated/api.ts'
import { errorTextOf, isPayloadRejected } from './error-text.ts'
import { FinalError } from './final-error.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

/**
 * Thrown by `requestInput` and `release` after the lease has ended, so that the rest of the handler
 * does not run.
 */
class LeaseEndedError extends Error {
  override readonly name = 'LeaseEndedError'
}

/** A question that a task needs answered before it can continue. */
export interface Question {
  readonly question: string
  /** Suggested answers. Any other answer is accepted too. */
  readonly options?: readonly string[]
  /** Deadline for the answer, in milliseconds: 1 000 to 2 592 000 000 (30 days). Default: none. */
  readonly deadlineMs?: number
  /** The answer if the deadline passes. Without it the task fails at the deadline. */
  readonly defaultAnswer?: unknown
  /** Any JSON value. The next attempt finds it in `task.progress.details`. */
  readonly details?: unknown
}

/** The context of one attempt, passed to the handler beside its task. */
export interface WorkContext {
  /**
   * Aborted when the lease is lost or the task is cancelled. Stop then: the result would not count.
   */
  readonly signal: AbortSignal
  /**
   * Reports progress: `percent` is 0–100, `details` are passed to the next attempt. Rejects with
   * TonyError, for example STALE_LEASE.
   */
  progress(note: { readonly percent?: number; readonly message?: string; readonly details?: unknown }): Promise<void>
  /**
   * Ends the lease with a question and throws. Let the error pass through the handler. The attempt
   * after the answer finds it in `task.input`.
   */
  requestInput(question: Question): Promise<never>
  /**
   * Ends the lease without a failure and throws. Let the error pass through the handler. The task
   * returns to the queue.
   */
  release(): Promise<never>
  /**
   * Takes locks in addition to the task's own, all or none. Rejects with LOCK_CONFLICT if another
   * lease holds one of them.
   */
  lock(locks: readonly string[]): Promise<void>
}

/**
 * Works on one task. The return value completes the task, an exception fails the attempt and a
 * FinalError fails the task.
 */
export type WorkHandler = (task: LeasedTask, context: WorkContext) => unknown

/** Options of `Agent.work`. */
export interface WorkOptions {
  /** Number of tasks handled at the same time. Default 1. */
  readonly slots?: number
  /**
   * Length of a lease, in milliseconds: 5 000 to 43 200 000 (12 h), default 30 000. Each heartbeat
   * extends the lease by that length.
   */
  readonly leaseMs?: number
  /**
   * Called for each error outside the handler, such as a lost lease or a refused call. `task` is
   * undefined if the error belongs to no task.
   */
  readonly onError?: (error: unknown, task: LeasedTask | undefined) => void
}

/** Time that a claim blocks on the server, in milliseconds. */
const claimWaitMs = 30_000

/**
 * Pause after a failed claim, in milliseconds. The client itself repeats a claim after a lost
 * connection.
 */
const retryDelayMs = 1_000

/** Deadline for each release at the end, in milliseconds. Without a server the leases expire. */
const releaseTimeoutMs = 2_000

/**
 * A lease from its claim until the server has confirmed its end. Heartbeats list it during that
 * time.
 */
interface HeldLease {
  readonly task: LeasedTask
  readonly abortController: AbortController
  /** True once the handler has ended or the lease is being released. */
  ended: boolean
}

/** Claims tasks and runs a handler on each until it is stopped. */
export class WorkLoop {
  readonly #client: Client
  readonly #handler: WorkHandler
  readonly #options: WorkOptions
  readonly #leases = new Map<string, HeldLease>()
  readonly #stopping = new AbortController()
  readonly #slots: Promise<void>[]
  readonly #observe: WorkObserver

  constructor(client: Client, handler: WorkHandler, options: WorkOptions, observe: WorkObserver = () => undefined) {
    this.#client = client
    this.#handler = handler
    this.#options = options
    this.#observe = observe
    this.#slots = Array.from({ length: options.slots ?? 1 }, () => this.#run())
  }

  /** Returns the tasks being worked on. */
  leases(): LeasedTask[] {
    return [...this.#leases.values()].map(({ task }) => task)
  }

  /** Aborts the handler of an ended lease. Without `attempt` it aborts any attempt of the task. */
  abortLease(taskId: string, attempt?: number): void {
    const held = this.#leases.get(taskId)
    if (held && (attempt === undefined || held.task.attempt === attempt)) held.abortController.abort()
  }

  /** Aborts every handler: the agent has ended, or a newer incarnation has fenced it. */
  abortAllLeases(): void {
    for (const { abortController } of this.#leases.values()) abortController.abort()
  }

  /** Claims nothing more and waits for the running handlers. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#slots)
  }

  /** Aborts the running handlers and releases their tasks without a failure. */
  async releaseLeases(): Promise<void> {
    this.#stopping.abort()
    const held = [...this.#leases.values()].filter(({ ended }) => !ended)
    const release = async (one: HeldLease): Promise<void> => {
      const { task, abortController } = one
      one.ended = true
      abortController.abort()
      await this.#client.tasks.release(
        { taskId: task.id, leaseToken: task.leaseToken },
        { deadlineMs: releaseTimeoutMs },
      )
    }
    await Promise.all(
      held.map((one) => release(one).catch((error: unknown) => this.#options.onError?.(error, one.task))),
    )
  }

  async #run(): Promise<void> {
    let task: LeasedTask | undefined
    while (!this.#stopping.signal.aborted || task) {
      try {
        task = task ? await this.#work(task) : await this.#claim()
      } catch (error) {
        if (!this.#stopping.signal.aborted || !isAbortedClaim(error)) this.#options.onError?.(error, task)
        task = undefined
        if (isFinalError(error)) return
        if (!this.#stopping.signal.aborted) await waitBeforeRetry(this.#stopping.signal)
      }
    }
  }

  async #claim(): Promise<LeasedTask | undefined> {
    const { leaseMs } = this.#options
    const { tasks } = await this.#client.tasks.claim(
      { waitMs: claimWaitMs, ...(leaseMs === undefined ? {} : { leaseMs }) },
      { signal: this.#stopping.signal },
    )
    return this.#releaseIfStopping(tasks[0])
  }

  /** Releases a task that was claimed after the stop, without a failure. Returns any other task. */
  async #releaseIfStopping(task: LeasedTask | undefined): Promise<LeasedTask | undefined> {
    if (!task || !this.#stopping.signal.aborted) return task
    await this.#client.tasks.release({ taskId: task.id, leaseToken: task.leaseToken })
    return undefined
  }

  /** Runs one task to its end. Returns the next task if the completion claimed one. */
  async #work(task: LeasedTask): Promise<LeasedTask | undefined> {
    const lease = { taskId: task.id, leaseToken: task.leaseToken }
    const held: HeldLease = { task, abortController: new AbortController(), ended: false }
    this.#leases.set(task.id, held)
    try {
      const outcome = await measureWork(this.#observe, () =>
        this.#handler(task, this.#contextOf(lease, held.abortController)),
      ).then(
        (result: unknown) => ({ result }),
        (error: unknown) => ({ error }),
      )
      // The lease was released in the meantime, so the outcome does not count.
      if (held.ended) return undefined
      held.ended = true
      if ('result' in outcome) return await this.#complete(lease, outcome.result, task)
      if (!(outcome.error instanceof LeaseEndedError)) await this.#fail(task, lease, outcome.error)
      return undefined
    } finally {
      if (this.#leases.get(task.id) === held) this.#leases.delete(task.id)
    }
  }

  #contextOf(lease: { taskId: string; leaseToken: string }, abortController: AbortController): WorkContext {
    /**
     * Makes a call under the lease. A stale lease aborts the handler here, before the next
     * heartbeat.
     */
    const withLease = async (call: Promise<unknown>): Promise<void> => {
      await call.catch((error: unknown) => {
        if (error instanceof TonyError && error.code === 'STALE_LEASE') abortController.abort()
        throw error
      })
    }
    return {
      signal: abortController.signal,
      progress: (note) => withLease(this.#client.tasks.progress({ ...lease, ...note })),
      requestInput: async (question) => {
        await withLease(this.#client.tasks.requestInput({ ...lease, ...question }))
        throw new LeaseEndedError('the task waits for an answer')
      },
      release: async () => {
        await withLease(this.#client.tasks.release(lease))
        throw new LeaseEndedError('the task was released')
      },
      lock: (locks) => withLease(this.#client.tasks.lock({ ...lease, locks })),
    }
  }

  async #complete(
    lease: { taskId: string; leaseToken: string },
    result: unknown,
    task: LeasedTask,
  ): Promise<LeasedTask | undefined> {
    const completed = { ...lease, ...(result === undefined ? {} : { result }) }
    const { leaseMs } = this.#options
    try {
      if (this.#stopping.signal.aborted) {
        await this.#client.tasks.complete(completed)
        return undefined
      }
      const { tasks } = await this.#client.tasks.next({ completed, ...(leaseMs === undefined ? {} : { leaseMs }) })
      return await this.#releaseIfStopping(tasks[0])
    } catch (error) {
      this.#options.onError?.(error, task)
      // Without this failure the server would release the lease after two heartbeats, and this
      // agent would claim the task again without end.
      if (isPayloadRejected(error))
        await this.#fail(task, lease, new FinalError(`the result was rejected: ${errorTextOf(error, 1_000)}`))
      return undefined
    }
  }

  async #fail(task: LeasedTask, lease: { taskId: string; leaseToken: string }, thrown: unknown): Promise<void> {
    const error = errorTextOf(thrown, 16_384) || 'failed without a message'
    try {
      await this.#client.tasks.fail({ ...lease, error, retryable: !(thrown instanceof FinalError) })
    } catch (refused) {
      this.#options.onError?.(refused, task)
    }
  }
}

/** True if the stop aborted a claim over HTTP. */
const isAbortedClaim = (error: unknown): boolean => error instanceof TonyError && error.code === 'CONNECTION_LOST'

function waitBeforeRetry(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, retryDelayMs)
    signal.addEventListener('abort', done, { once: true })
  })
}
