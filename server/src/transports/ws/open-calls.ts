import { waitKindOf } from '../../api/pipeline.ts'
import type { Clock } from '../../platform/clock.ts'
import { ConditionWait } from './condition-wait.ts'

type Id = number | string

interface WaitingCall {
  readonly controller: AbortController
  /** True if the wait may end early without an error. */
  readonly canEndEarly: boolean
}

/** The subscriptions and calls that a socket has open. */
export class OpenCalls {
  readonly subscriptions = new Map<Id, AbortController>()
  readonly #waitingCalls = new Map<Id, WaitingCall>()
  readonly #conditionWait: ConditionWait
  /** Aborts the calls that do not wait. */
  readonly #controller = new AbortController()
  #inFlight = 0
  #closed = false
  #draining = false

  constructor(clock: Clock) {
    this.#conditionWait = new ConditionWait(clock)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Number of open subscriptions. Stopped ones do not count while they end. */
  get openSubscriptions(): number {
    return [...this.subscriptions.values()].filter(({ signal }) => !signal.aborted).length
  }

  /**
   * True after the drain has begun: nothing new is handed out here, and open calls are still
   * answered.
   */
  get draining(): boolean {
    return this.#draining
  }

  /** Registers a call. Returns its abort signal and the function that marks its end. */
  begin(id: Id, path: string, input: unknown): { readonly signal: AbortSignal; readonly end: () => void } {
    const waitKind = waitKindOf(path, input)
    const wait = waitKind && { controller: new AbortController(), canEndEarly: waitKind === 'blocking' }
    if (wait) this.#waitingCalls.set(id, wait)
    if (wait?.canEndEarly && this.#draining) wait.controller.abort()
    this.#inFlight += 1
    const end = () => {
      this.#inFlight -= 1
      if (wait) this.#waitingCalls.delete(id)
      this.#conditionWait.recheck()
    }
    return { signal: wait?.controller.signal ?? this.signal, end }
  }

  /** Removes a subscription that has ended. */
  removeSubscription(id: Id): void {
    this.subscriptions.delete(id)
    this.#conditionWait.recheck()
  }

  /** Ends the subscription or the waiting call with this id, at its client's request. */
  stop(id: Id): void {
    const controller = this.subscriptions.get(id) ?? this.#waitingCalls.get(id)?.controller
    controller?.abort()
  }

  /** Aborts everything, because the socket is gone. */
  close(): void {
    this.#closed = true
    this.#conditionWait.recheck()
    this.#controller.abort()
    this.#abortAll()
  }

  /** Resolves when the socket is gone, or after `ms`. */
  waitForClose(ms: number): Promise<void> {
    return this.#conditionWait.wait(ms, () => this.#closed)
  }

  /**
   * Ends everything that can end without an error, and waits for the replies: subscriptions, and
   * calls that wait for tasks or messages. If such a call stayed open after its client had repeated
   * it on another server, it could take a task or a message that no one then receives.
   */
  drain(ms: number): Promise<void> {
    this.#draining = true
    const uninterruptible = [...this.#waitingCalls.values()].filter(({ canEndEarly }) => !canEndEarly)
    for (const { controller, canEndEarly } of this.#waitingCalls.values()) if (canEndEarly) controller.abort()
    for (const controller of this.subscriptions.values()) controller.abort()
    return this.#conditionWait.wait(
      ms,
      () => this.#closed || (this.#inFlight <= uninterruptible.length && this.subscriptions.size === 0),
    )
  }

  /** Ends all waits. Resolves when every call is answered, or after `ms`. */
  finish(ms: number): Promise<void> {
    this.#abortAll()
    return this.#conditionWait.wait(ms, () => this.#closed || this.#inFlight === 0)
  }

  #abortAll(): void {
    for (const controller of this.subscriptions.values()) controller.abort()
    for (const { controller } of this.#waitingCalls.values()) controller.abort()
  }
}
