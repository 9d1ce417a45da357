import { waitsFor } from '../../api/pipeline.ts'
import type { Clock } from '../../platform/clock.ts'
import { IdleWait } from './idle-wait.ts'

type Id = number | string

interface WaitingCall {
  readonly controller: AbortController
  /** Whether it may answer before its time without having failed. */
  readonly canEndEarly: boolean
}

/** What a socket has open: its subscriptions, the calls that wait, and how many calls there are in all. */
export class OpenCalls {
  readonly subscriptions = new Map<Id, AbortController>()
  readonly #waitingCalls = new Map<Id, WaitingCall>()
  readonly #idleWait: IdleWait
  /** For the calls that do not wait. */
  readonly #controller = new AbortController()
  #inFlight = 0
  #closed = false
  #draining = false

  constructor(clock: Clock) {
    this.#idleWait = new IdleWait(clock)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** The client is told to move: nothing more is handed out here, and what is called is still answered. */
  get draining(): boolean {
    return this.#draining
  }

  /** A call begins: what ends it early, and how to say that it is over. */
  begin(id: Id, path: string, input: unknown): { readonly signal: AbortSignal; readonly end: () => void } {
    const waitKind = waitsFor(path, input)
    const wait = waitKind && { controller: new AbortController(), canEndEarly: waitKind === 'something to do' }
    if (wait) this.#waitingCalls.set(id, wait)
    if (wait?.canEndEarly && this.#draining) wait.controller.abort()
    this.#inFlight += 1
    const over = () => {
      this.#inFlight -= 1
      if (wait) this.#waitingCalls.delete(id)
      this.#idleWait.recheck()
    }
    return { signal: wait?.controller.signal ?? this.signal, end: over }
  }

  /** A subscription has ended. */
  removeSubscription(id: Id): void {
    this.subscriptions.delete(id)
    this.#idleWait.recheck()
  }

  /** Its client asks for the end of one. */
  stop(id: Id): void {
    const controller = this.subscriptions.get(id) ?? this.#waitingCalls.get(id)?.controller
    controller?.abort()
  }

  /** The socket is gone: nothing is worth going on with. */
  close(): void {
    this.#closed = true
    this.#idleWait.recheck()
    this.#controller.abort()
    this.#abortAll()
  }

  /** Settles when the socket is gone, or after `ms`. */
  waitForClose(ms: number): Promise<void> {
    return this.#idleWait.wait(ms, () => this.#closed)
  }

  /**
   * Brings to an end what can be without an error, and waits until it has answered: subscriptions, and calls that wait for
   * something to do. One that went on after its client has asked again elsewhere would take what nobody then hears of.
   */
  drain(ms: number): Promise<void> {
    this.#draining = true
    const uninterruptible = [...this.#waitingCalls.values()].filter(({ canEndEarly }) => !canEndEarly)
    for (const { controller, canEndEarly } of this.#waitingCalls.values()) if (canEndEarly) controller.abort()
    for (const controller of this.subscriptions.values()) controller.abort()
    return this.#idleWait.wait(
      ms,
      () => this.#closed || (this.#inFlight <= uninterruptible.length && this.subscriptions.size === 0),
    )
  }

  /** Ends all that waits, and settles once everything is answered, or after `ms`. */
  finish(ms: number): Promise<void> {
    this.#abortAll()
    return this.#idleWait.wait(ms, () => this.#closed || this.#inFlight === 0)
  }

  #abortAll(): void {
    for (const controller of this.subscriptions.values()) controller.abort()
    for (const { controller } of this.#waitingCalls.values()) controller.abort()
  }
}
