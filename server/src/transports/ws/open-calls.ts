import { waitsFor } from '../../api/pipeline.ts'
import type { Clock } from '../../platform/clock.ts'
import { Quiet } from './idle-wait.ts'

type Id = number | string

interface Wait {
  readonly controller: AbortController
  /** Whether it may answer before its time without having failed. */
  readonly endsEarly: boolean
}

/** What a socket has open: its subscriptions, the calls that wait, and how many calls there are in all. */
export class OpenCalls {
  readonly subscriptions = new Map<Id, AbortController>()
  readonly #waiting = new Map<Id, Wait>()
  readonly #quiet: Quiet
  /** For the calls that do not wait. */
  readonly #all = new AbortController()
  #inFlight = 0
  #gone = false
  #leaving = false

  constructor(clock: Clock) {
    this.#quiet = new Quiet(clock)
  }

  get signal(): AbortSignal {
    return this.#all.signal
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** The client is told to move: nothing more is handed out here, and what is called is still answered. */
  get leaving(): boolean {
    return this.#leaving
  }

  /** A call begins: what ends it early, and how to say that it is over. */
  begin(id: Id, path: string, input: unknown): { readonly signal: AbortSignal; readonly over: () => void } {
    const what = waitsFor(path, input)
    const wait = what && { controller: new AbortController(), endsEarly: what === 'something to do' }
    if (wait) this.#waiting.set(id, wait)
    if (wait?.endsEarly && this.#leaving) wait.controller.abort()
    this.#inFlight += 1
    const over = () => {
      this.#inFlight -= 1
      if (wait) this.#waiting.delete(id)
      this.#quiet.changed()
    }
    return { signal: wait?.controller.signal ?? this.signal, over }
  }

  /** A subscription has ended. */
  ended(id: Id): void {
    this.subscriptions.delete(id)
    this.#quiet.changed()
  }

  /** Its client asks for the end of one. */
  stop(id: Id): void {
    const controller = this.subscriptions.get(id) ?? this.#waiting.get(id)?.controller
    controller?.abort()
  }

  /** The socket is gone: nothing is worth going on with. */
  abandon(): void {
    this.#gone = true
    this.#quiet.changed()
    this.#all.abort()
    this.#endAll()
  }

  /** Settles when the socket is gone, or after `ms`. */
  goneWithin(ms: number): Promise<void> {
    return this.#quiet.within(ms, () => this.#gone)
  }

  /**
   * Brings to an end what can be without an error, and waits until it has answered: subscriptions, and calls that wait for
   * something to do. One that went on after its client has asked again elsewhere would take what nobody then hears of.
   */
  handOver(ms: number): Promise<void> {
    this.#leaving = true
    const asking = [...this.#waiting.values()].filter(({ endsEarly }) => !endsEarly)
    for (const { controller, endsEarly } of this.#waiting.values()) if (endsEarly) controller.abort()
    for (const controller of this.subscriptions.values()) controller.abort()
    return this.#quiet.within(
      ms,
      () => this.#gone || (this.#inFlight <= asking.length && this.subscriptions.size === 0),
    )
  }

  /** Ends all that waits, and settles once everything is answered, or after `ms`. */
  finish(ms: number): Promise<void> {
    this.#endAll()
    return this.#quiet.within(ms, () => this.#gone || this.#inFlight === 0)
  }

  #endAll(): void {
    for (const controller of this.subscriptions.values()) controller.abort()
    for (const { controller } of this.#waiting.values()) controller.abort()
  }
}
