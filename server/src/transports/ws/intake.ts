import type { Frame } from './handshakes.ts'

/** The sender of frames, as far as its reading can be paused. */
export interface Readable {
  pause(): void
  resume(): void
}

export interface IntakeOptions {
  /** Monotonic time in milliseconds. */
  readonly now: () => number
  /** True while writes wait so long that more of them are refused. */
  readonly isOverloaded: () => boolean
}

/**
 * Time in which frames are handled in one turn of the event loop, in milliseconds. What is left of
 * a turn belongs to the writer and to the replies. Without a limit, the frames of a hundred busy
 * sockets held a turn for 900 ms, and the writer committed one batch in it.
 */
const sliceMs = { normal: 5, overloaded: 3 } as const

/** Frames and bytes that wait of one socket before it is no longer read. */
const waitingLimits = { frames: 32, bytes: 262_144 } as const

/** The frames of one socket that wait for their turn. */
class WaitingFrames {
  readonly #socket: Readable
  readonly #handle: (frame: Frame) => void
  readonly #frames: Frame[] = []
  #bytes = 0
  #paused = false

  constructor(socket: Readable, handle: (frame: Frame) => void) {
    this.#socket = socket
    this.#handle = handle
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  add(frame: Frame): void {
    this.#frames.push(frame)
    this.#bytes += frame[0].length
    if (this.#frames.length < waitingLimits.frames && this.#bytes < waitingLimits.bytes) return
    // Again for each frame: a socket that was congested goes on to read when it is no longer.
    this.#paused = true
    this.#socket.pause()
  }

  handleNext(): void {
    const frame = this.#frames.shift()
    if (!frame) return
    this.#bytes -= frame[0].length
    if (this.#paused && this.isEmpty) {
      this.#paused = false
      this.#socket.resume()
    }
    this.#handle(frame)
  }

  clear(): void {
    this.#frames.length = 0
    this.#bytes = 0
  }
}

/**
 * Handles the frames of all sockets in slices of time. While it keeps up, a frame is handled as it
 * arrives. Otherwise frames wait, and the sockets take turns: a socket with one heartbeat does not
 * wait behind the hundreds of calls of another.
 *
 * A frame is begun only when the one before has done all that it can do without waiting. Begun
 * together, the reads of 16 sockets would all be in memory before the first reply is sent.
 */
export class Intake {
  readonly #options: IntakeOptions
  /** The sockets with waiting frames; the first is the next to be served. */
  readonly #waiting = new Set<WaitingFrames>()
  #sliceEnd: number | undefined
  #isHandling = false
  #isScheduled = false

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Returns the functions for the frames of a new socket, and for its end. */
  open(socket: Readable, handle: (frame: Frame) => void) {
    const frames = new WaitingFrames(socket, handle)
    return {
      receive: (frame: Frame): void => {
        if (this.#waiting.size === 0 && !this.#isHandling && !this.#isSliceOver())
          return this.#begin(() => handle(frame))
        frames.add(frame)
        this.#waiting.add(frames)
        if (!this.#isHandling) this.#schedule()
      },
      close: (): void => {
        frames.clear()
        this.#waiting.delete(frames)
      },
    }
  }

  /** Starts the slice of this turn with its first frame. */
  #isSliceOver(): boolean {
    const now = this.#options.now()
    if (this.#sliceEnd !== undefined) return now > this.#sliceEnd
    this.#sliceEnd = now + (this.#options.isOverloaded() ? sliceMs.overloaded : sliceMs.normal)
    setImmediate(() => {
      this.#sliceEnd = undefined
    })
    return false
  }

  #begin(handle: () => void): void {
    this.#isHandling = true
    // The tick comes when no promise can go on: the frame waits for the store, or is done.
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#isHandling = false
        this.#serveNext()
      }),
    )
    handle()
  }

  #serveNext(): void {
    const [frames] = this.#waiting
    if (!frames) return
    if (this.#isSliceOver()) return this.#schedule()
    this.#waiting.delete(frames)
    this.#begin(() => frames.handleNext())
    // Behind the others.
    if (!frames.isEmpty) this.#waiting.add(frames)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.#isHandling) return
      this.#sliceEnd = undefined
      this.#serveNext()
    })
  }
}
