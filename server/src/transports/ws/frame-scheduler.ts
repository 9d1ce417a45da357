import { LoopSlice } from '../../platform/loop-slice.ts'
import type { Frame } from './handshakes.ts'
import type { ReadPause } from './read-pause.ts'

export interface FrameSchedulerOptions {
  /** Monotonic time in milliseconds. */
  readonly now: () => number
  /** The store's time, in milliseconds since 1970. */
  readonly storeNow: () => number
}

/**
 * Number of frames handled between two reads of the clock, if each is done at once, as a refused
 * one is. With a read before each frame, a process that another one interrupts would find its time
 * slice over, and would refuse only one frame in a loop turn.
 */
const framesPerClockRead = 32

/** Frames and bytes that wait of one socket before it is no longer read. */
const waitingLimits = { frames: 32, bytes: 262_144 } as const

/**
 * Limit of the waiting bytes of all sockets together. Above it, a socket is paused as soon as one
 * of its frames has to wait. It can still add the data that was already read from it: at most
 * 64 KiB, or one frame.
 */
const maxWaitingBytes = 33_554_432

/**
 * Handles a frame that reached this server at `arrivedAt`, by the store's time. Returns true if
 * nothing of it is left to do.
 */
type FrameHandler = (frame: Frame, arrivedAt: number) => boolean

/** Refuses a frame that needs no turn of its own. Returns false if the frame has to be handled. */
type FrameRefuser = (frame: Frame, arrivedAt: number) => boolean

/** The bytes that wait of all sockets. */
interface WaitingBytes {
  total: number
}

/** The frames of one socket that wait for their turn. */
class WaitingFrames {
  readonly #reading: ReadPause
  readonly #handle: FrameHandler
  readonly #tryRefuse: FrameRefuser
  readonly #all: WaitingBytes
  readonly #frames: { readonly frame: Frame; readonly arrivedAt: number }[] = []
  #bytes = 0

  constructor(reading: ReadPause, handle: FrameHandler, tryRefuse: FrameRefuser, all: WaitingBytes) {
    this.#reading = reading
    this.#handle = handle
    this.#tryRefuse = tryRefuse
    this.#all = all
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** The arrival of the frame that is next; infinity if none waits. */
  get arrivedAt(): number {
    return this.#frames[0]?.arrivedAt ?? Number.POSITIVE_INFINITY
  }

  add(frame: Frame, arrivedAt: number): void {
    this.#frames.push({ frame, arrivedAt })
    this.#count(frame[0].length)
    const { frames, bytes } = waitingLimits
    if (this.#frames.length >= frames || this.#bytes >= bytes || this.#all.total >= maxWaitingBytes)
      this.#reading.pause('schedule')
  }

  handleNext(): boolean {
    const next = this.#takeFirst()
    return next ? this.#handle(next.frame, next.arrivedAt) : true
  }

  /**
   * Refuses frames, at most `limit`, up to the first one that has to be handled. Returns their
   * number.
   */
  refuseFirst(limit: number): number {
    let refused = 0
    for (; refused < limit; refused += 1) {
      const [next] = this.#frames
      if (!(next && this.#tryRefuse(next.frame, next.arrivedAt))) break
      this.#takeFirst()
    }
    return refused
  }

  #takeFirst() {
    const first = this.#frames.shift()
    if (!first) return undefined
    this.#count(-first.frame[0].length)
    if (this.isEmpty) this.#reading.resume('schedule')
    return first
  }

  clear(): void {
    this.#frames.length = 0
    this.#count(-this.#bytes)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#all.total += bytes
  }
}

/**
 * Handles the frames of all sockets in slices of time. While it keeps up, a frame is handled as it
 * arrives. Otherwise frames wait, and the sockets alternate: a socket with one heartbeat does not
 * wait behind the hundreds of calls of another.
 *
 * A frame is begun only when the one before has done all that it can do without waiting. Begun
 * together, the reads of 16 sockets would all be in memory before the first reply is sent.
 */
export class FrameScheduler {
  readonly #options: FrameSchedulerOptions
  /** The sockets with waiting frames; the first is the next to be served. */
  readonly #waiting = new Set<WaitingFrames>()
  readonly #bytes: WaitingBytes = { total: 0 }
  /** The arrival of the frame that is handled now. */
  #handledArrival = Number.POSITIVE_INFINITY
  /**
   * The time of the frames in a loop turn. The rest of the turn belongs to the writer and to the
   * replies. Without a limit, the frames of a hundred busy sockets held a turn for 900 ms, and the
   * writer committed one batch in it.
   */
  readonly #slice: LoopSlice
  #isHandling = false
  #isScheduled = false

  constructor(options: FrameSchedulerOptions) {
    this.#options = options
    this.#slice = new LoopSlice(options.now)
  }

  /**
   * The earliest arrival among the frames whose calls are not in the queue of a writer yet;
   * infinity if there is none.
   */
  get earliestArrival(): number {
    let earliest = this.#handledArrival
    for (const { arrivedAt } of this.#waiting) earliest = Math.min(earliest, arrivedAt)
    return earliest
  }

  /** Returns the functions for the frames of a new socket, and for its end. */
  open(reading: ReadPause, handle: FrameHandler, tryRefuse: FrameRefuser) {
    const frames = new WaitingFrames(reading, handle, tryRefuse, this.#bytes)
    return {
      receive: (frame: Frame): void => {
        const arrivedAt = this.#options.storeNow()
        if (!this.#slice.isOver) {
          // A refusal reads nothing, so it need not wait for the frames before it.
          if (tryRefuse(frame, arrivedAt)) return
          if (this.#waiting.size === 0 && !this.#isHandling)
            return void this.#begin(arrivedAt, () => handle(frame, arrivedAt))
        }
        frames.add(frame, arrivedAt)
        this.#waiting.add(frames)
        if (!this.#isHandling) this.#schedule()
      },
      close: (): void => {
        frames.clear()
        this.#waiting.delete(frames)
      },
    }
  }

  /** Returns true if nothing of the frame is left to do, so that the next one can begin. */
  #begin(arrivedAt: number, handle: () => boolean): boolean {
    this.#isHandling = true
    this.#handledArrival = arrivedAt
    const isDone = handle()
    if (isDone) this.#end()
    // The tick comes when no promise can go on: the frame waits for the store, or is done.
    else
      queueMicrotask(() =>
        process.nextTick(() => {
          this.#end()
          this.#serveNext()
        }),
      )
    return isDone
  }

  #end(): void {
    this.#isHandling = false
    this.#handledArrival = Number.POSITIVE_INFINITY
  }

  #serveNext(): void {
    let left = 0
    for (;;) {
      const [frames] = this.#waiting
      if (!frames) return
      if (left <= 0 && this.#slice.isOver) return this.#schedule()
      if (left <= 0) left = framesPerClockRead
      this.#waiting.delete(frames)
      // Those of one socket together: refused one by one in turns, they took a third longer.
      left -= frames.refuseFirst(left)
      const isDone = frames.isEmpty || left <= 0 || this.#begin(frames.arrivedAt, () => frames.handleNext())
      left -= 1
      // Behind the others.
      if (!frames.isEmpty) this.#waiting.add(frames)
      if (!isDone) return
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.#isHandling) return
      this.#slice.restart()
      this.#serveNext()
    })
  }
}
