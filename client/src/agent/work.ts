import type { Client } from '../api/client.ts'
import { isFinal, TonyError } from '../api/errors.ts'
import type { LeasedTask } from '../generated/api.ts'
import { errorTextOf, isPayloadRejected } from './error-text.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

/** Throw it from a handler to end the task as failed, whatever attempts are left. */
export class FinalError extends Error {
  override readonly name = 'FinalError'
}

/** Thrown by `requestInput`, so that nothing after it runs: the lease has been given back. */
class InputRequestedError extends Error {
  override readonly name = 'GivenBack'
}

/** A question of a worker's. */
export interface Question {
  readonly question: string
  /** Answers to choose from; any other is good too. */
  readonly options?: readonly string[]
  /** How long to wait for the answer, in milliseconds: 1 000 to 2 592 000 000. Default: for ever. */
  readonly deadlineMs?: number
  /** Taken when the deadline passes; without one the task fails then. */
  readonly defaultAnswer?: unknown
  /** Handed to the next attempt as its progress. */
  readonly details?: unknown
}

/** What a handler works with beside its task. */
export interface WorkContext {
  /** Aborted when the lease was lost or the task cancelled: stop, the result would not count. */
  readonly signal: AbortSignal
  /** Notes progress; `details` are handed to the next attempt. */
  progress(note: { readonly percent?: number; readonly message?: string; readonly details?: unknown }): Promise<void>
  /**
   * Gives the task back with a question; it does not return. The attempt that follows the answer finds it in `task.input`.
   * Let what it throws pass.
   */
  requestInput(question: Question): Promise<never>
  /** Takes locks on top of the task's own, all or none; rejects with `LOCK_CONFLICT` while somebody else holds one. */
  lock(locks: readonly string[]): Promise<void>
}

export type WorkHandler = (task: LeasedTask, context: WorkContext) => unknown

export interface WorkOptions {
  /** How many tasks at a time. Default 1. */
  readonly slots?: number
  /** Length of a lease without a heartbeat, in milliseconds: 5 000 to 43 200 000, default 30 000. */
  readonly leaseMs?: number
  /** Told of everything that went wrong around the handler: a lost lease, a refused call. */
  readonly onError?: (error: unknown, task: LeasedTask | undefined) => void
}

/** How long one claim waits on the server, in milliseconds. */
const waitMs = 30_000

/** Pause after a claim that failed for another reason than a lost connection, in milliseconds. */
const retryDelayMs = 1_000

/** How long what is given back at the end is tried, in milliseconds: without a server its lease runs out. */
const releaseTimeoutMs = 2_000

/** A lease, from its claim until the server has said what became of it: heartbeats list it so long. */
interface HeldLease {
  readonly task: LeasedTask
  readonly abortController: AbortController
  /** Its handler has ended, and the server is being told how. */
  ended: boolean
}

/** Takes tasks and runs them, until stopped. */
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

  /** The tasks being worked on. */
  leases(): LeasedTask[] {
    return [...this.#leases.values()].map(({ task }) => task)
  }

  /** A lease is over: its handler is told. Without an attempt, whichever it is. */
  abortLease(taskId: string, attempt?: number): void {
    const held = this.#leases.get(taskId)
    if (held && (attempt === undefined || held.task.attempt === attempt)) held.abortController.abort()
  }

  /** The agent is over, here or by a newer incarnation: so is every lease. */
  abortAllLeases(): void {
    for (const { abortController } of this.#leases.values()) abortController.abort()
  }

  /** Takes nothing new and waits for what runs. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#slots)
  }

  /** Ends what still runs: its handlers are told, and its tasks go back without burning an attempt. */
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
        if (isFinal(error)) return
        if (!this.#stopping.signal.aborted) await sleep(this.#stopping.signal)
      }
    }
  }

  async #claim(): Promise<LeasedTask | undefined> {
    const { leaseMs } = this.#options
    const { tasks } = await this.#client.tasks.claim(
      { waitMs, ...(leaseMs === undefined ? {} : { leaseMs }) },
      { signal: this.#stopping.signal },
    )
    return this.#releaseIfStopping(tasks[0])
  }

  /** A task that came after the stop was asked for goes back at once, without burning an attempt. */
  async #releaseIfStopping(task: LeasedTask | undefined): Promise<LeasedTask | undefined> {
    if (!task || !this.#stopping.signal.aborted) return task
    await this.#client.tasks.release({ taskId: task.id, leaseToken: task.leaseToken })
    return undefined
  }

  /** Runs one task to its end; gives the next one if completing it brought one. */
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
      // Given back in the meantime: what came of it does not count.
      if (held.ended) return undefined
      held.ended = true
      if ('result' in outcome) return await this.#complete(lease, outcome.result, task)
      if (!(outcome.error instanceof InputRequestedError)) await this.#fail(task, lease, outcome.error)
      return undefined
    } finally {
      if (this.#leases.get(task.id) === held) this.#leases.delete(task.id)
    }
  }

  #contextOf(lease: { taskId: string; leaseToken: string }, abortController: AbortController): WorkContext {
    /** A call under the lease. One that is over is noticed here too, before the next heartbeat. */
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
        throw new InputRequestedError('the task waits for an answer')
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
      // Left alone it would come back to this agent, without a failure, for ever.
      if (isPayloadRejected(error))
        await this.#fail(task, lease, new FinalError(`the result was not taken: ${errorTextOf(error, 1_000)}`))
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

/** A claim over HTTP that was ended by the stop. */
const isAbortedClaim = (error: unknown): boolean => error instanceof TonyError && error.code === 'CONNECTION_LOST'

function sleep(signal: AbortSignal): Promise<void> {
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
