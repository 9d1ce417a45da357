/** The share of the limit that urgent calls may use beyond it. */
const urgentShare = 0.25

/**
 * The bytes of the inputs that wait for a writer, over all callers. The age of a queue does not
 * bound its memory: in a second, callers can send more than the process can hold.
 */
export class QueuedInputs {
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Opens the account of one frame or one request. All calls in it share it. `arrivedAt` is the
   * store's time at which it reached this server.
   */
  open(bytes: number, arrivedAt: number): QueuedInput {
    return new QueuedInput(this, bytes, arrivedAt)
  }

  hasRoomFor(bytes: number, isUrgent: boolean): boolean {
    const limit = isUrgent ? this.#limit * (1 + urgentShare) : this.#limit
    return bytes === 0 || this.#bytes === 0 || this.#bytes + bytes <= limit
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }
}

/** The bytes of one frame or one request. They count while a transaction of its calls waits. */
export class QueuedInput {
  readonly #inputs: QueuedInputs
  readonly #bytes: number
  /** In milliseconds since 1970. */
  readonly arrivedAt: number
  #waiting = 0

  constructor(inputs: QueuedInputs, bytes: number, arrivedAt: number) {
    this.#inputs = inputs
    this.#bytes = bytes
    this.arrivedAt = arrivedAt
  }

  /** True if one more of its calls may wait. An input that is larger than the limit waits alone. */
  hasRoom(isUrgent: boolean): boolean {
    return this.#inputs.hasRoomFor(this.#waiting > 0 ? 0 : this.#bytes, isUrgent)
  }

  /** Runs a transaction. The bytes count until it has settled. */
  async countDuring<T>(transact: () => Promise<T>): Promise<T> {
    if (this.#waiting === 0) this.#inputs.add(this.#bytes)
    this.#waiting += 1
    try {
      return await transact()
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#inputs.add(-this.#bytes)
    }
  }
}
