/** The side of a socket that receives, as far as it can be paused. */
export interface PausableSocket {
  pause(): void
  resume(): void
}

/** `congestion`: the client does not read its replies. `schedule`: its frames wait. */
type PauseReason = 'congestion' | 'schedule'

/** Pauses the reading of a socket for as long as there is a reason. */
export class ReadPause {
  readonly #socket: PausableSocket
  readonly #reasons = new Set<PauseReason>()

  constructor(socket: PausableSocket) {
    this.#socket = socket
  }

  isPausedFor(reason: PauseReason): boolean {
    return this.#reasons.has(reason)
  }

  pause(reason: PauseReason): void {
    if (this.#reasons.size === 0) this.#socket.pause()
    this.#reasons.add(reason)
  }

  resume(reason: PauseReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#socket.resume()
  }
}
