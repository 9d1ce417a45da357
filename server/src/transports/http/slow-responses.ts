import type { ServerResponse } from 'node:http'
import type { Limits } from '../../limits.ts'
import type { Clock } from '../../platform/clock.ts'

const checkIntervalMs = 1_000

const isEventStream = (response: ServerResponse): boolean =>
  String(response.getHeader('content-type') ?? '').startsWith('text/event-stream')

/**
 * Cuts off callers that do not read their responses, as the WebSocket transport does. An event
 * stream stops at the small buffer of the system, so any wait for its caller counts. Another
 * response counts from the limit of a socket on, because a slow line is no stalled caller.
 */
export class SlowResponses {
  readonly #clock: Clock
  readonly #limits: Pick<Limits, 'socketBufferBytes' | 'slowConsumerMs'>
  readonly #onTooSlow: () => void
  /** The time since which each open response has waited for its caller; undefined if it has not. */
  readonly #open = new Map<ServerResponse, number | undefined>()
  #cancelTimer: () => void = () => undefined

  constructor(clock: Clock, limits: Limits, onTooSlow: () => void) {
    this.#clock = clock
    this.#limits = limits
    this.#onTooSlow = onTooSlow
    this.#schedule()
  }

  watch(response: ServerResponse): void {
    this.#open.set(response, undefined)
    response.once('close', () => this.#open.delete(response))
  }

  close(): void {
    this.#cancelTimer()
  }

  #schedule(): void {
    this.#cancelTimer = this.#clock.timer(checkIntervalMs, () => {
      const now = this.#clock.monotonic()
      for (const [response, since] of this.#open) this.#check(response, since, now)
      this.#schedule()
    })
  }

  #check(response: ServerResponse, since: number | undefined, now: number): void {
    const { socket } = response.req
    if (socket.destroyed) return
    const isWaiting =
      response.writableLength > this.#limits.socketBufferBytes ||
      (response.writableNeedDrain && isEventStream(response))
    if (!isWaiting) this.#open.set(response, undefined)
    else if (since === undefined) this.#open.set(response, now)
    else if (now - since >= this.#limits.slowConsumerMs) {
      this.#onTooSlow()
      // The error could not be read either. Responses that wait behind this one end with it.
      socket.destroy()
    }
  }
}
