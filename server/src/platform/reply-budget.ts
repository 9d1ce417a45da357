import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Clock } from './clock.ts'
import { LoopSlice } from './loop-slice.ts'
import { pageByteLimit } from './paging.ts'
import { replyBytesOf } from './reply-bytes.ts'

/** Longest wait for a page slot, in milliseconds. */
const longestWaitMs = 10_000

/**
 * The pages that may be in memory at the same time, over all callers. A read that finds no free
 * slot waits, first in first out. Each connection reads one page at a time, so the connections take
 * turns.
 */
export class PageSlots {
  /** The time of the reads that follow each other on their connections. */
  readonly slice = new LoopSlice()
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(clock: Clock, bytes: number) {
    this.#clock = clock
    this.#free = Math.max(1, Math.floor(bytes / pageByteLimit))
  }

  /** Takes a slot. Returns undefined if one was free. Rejects with OVERLOADED after 10 s. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1
      return undefined
    }
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(longestWaitMs, () => {
        this.#waiting.delete(proceed)
        const details = { retryAfterMs: 1_000 }
        reject(new CoordinationError('OVERLOADED', 'too much is being read: try again in 1000 ms', details))
      })
      const proceed = () => {
        cancel()
        resolve()
      }
      this.#waiting.add(proceed)
    })
  }

  release(): void {
    const [next] = this.#waiting
    if (!next) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}

/** The unsent data of a connection. */
export interface OutputBuffer {
  /** Bytes that the caller has left unread; 0 if the system takes more data at once. */
  readonly unsentBytes: number
  waitForDrain(): Promise<void>
}

/** Bytes of the replies that one HTTP response may hold before it refuses further calls. */
const batchByteLimit = 4 * pageByteLimit

/** The output of an HTTP request, whose replies are sent together. */
const unboundedOutput: OutputBuffer = { unsentBytes: 0, waitForDrain: () => Promise.resolve() }

/** A transaction was rolled back because its reply would not fit. */
class NoRoomError extends Error {
  override readonly name = 'NoRoomError'
}

/**
 * Bounds the memory of one connection's replies. A call that may have a large reply starts only
 * while the unsent bytes and the bytes of finished replies are at most half of the limit. The
 * memory is therefore at most that half and one reply. One read runs at a time, because the size
 * of a page is unknown until it has been read.
 */
export class ReplyBudget {
  readonly #pages: PageSlots
  readonly #output: OutputBuffer
  readonly #limit: number
  readonly #queue: { readonly share: ReplyShare; readonly resolve: () => void }[] = []
  #reading: ReplyShare | undefined
  #heldBytes = 0
  #keptBytes = 0
  /** Calls that wait for room, in the order of their arrival. */
  readonly #roomWaiters = new Set<() => void>()
  #closed = false

  constructor(pages: PageSlots, limit: number, output: OutputBuffer = unboundedOutput) {
    this.#pages = pages
    this.#limit = limit
    this.#output = output
  }

  /** Opens the account of one call. Release it when the reply has been sent. */
  openShare(): ReplyShare {
    return new ReplyShare(this, this.#pages)
  }

  /** Counts a reply that stays in memory until the last call of its batch has been answered. */
  countKeptReply(reply: unknown): void {
    this.#keptBytes += replyBytesOf(reply)
  }

  /** Refuses the calls that wait, because the connection is gone. */
  close(): void {
    this.#closed = true
    for (const { resolve } of this.#queue.splice(0)) resolve()
    this.#wakeRoomWaiters()
  }

  /** True if a call may start now. Its own reply does not count. */
  hasRoomFor(share: ReplyShare): boolean {
    if (this.#reading !== undefined && this.#reading !== share) return false
    return this.#heldBytes - share.bytes + this.#output.unsentBytes <= this.#limit / 2
  }

  /**
   * Waits until no other call of the connection reads and the reply has room. Returns undefined if
   * both hold at once.
   */
  waitForRoom(share: ReplyShare): Promise<void> | undefined {
    this.requireBatchRoom()
    if (!this.hasRoomFor(share)) return this.#wait(share)
    this.#reading = share
    return undefined
  }

  async #wait(share: ReplyShare): Promise<void> {
    if (this.#reading !== undefined && this.#reading !== share)
      await new Promise<void>((resolve) => this.#queue.push({ share, resolve }))
    else this.#reading = share
    while (!(this.#closed || this.hasRoomFor(share))) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#roomWaiters.delete(wake)
          resolve()
        }
        this.#roomWaiters.add(wake)
        if (this.#output.unsentBytes > 0) void this.#output.waitForDrain().then(wake)
      })
    }
    if (this.#closed) throw new CoordinationError('CONSUMER_TOO_SLOW', 'the connection was closed before this call')
    this.requireBatchRoom()
  }

  /** Throws RATE_LIMITED if the replies of a batch are as large as one response may be. */
  requireBatchRoom(): void {
    if (this.#keptBytes <= batchByteLimit) return
    const message = `the replies of one batch have at most ${batchByteLimit} bytes: send this call in another request`
    throw new CoordinationError('RATE_LIMITED', message, { limit: batchByteLimit, retryAfterMs: 1 })
  }

  setBytes(share: ReplyShare, bytes: number): void {
    this.#heldBytes += bytes - share.bytes
  }

  /** A call may read twice at once, and then both reads wait. */
  #wakeRoomWaiters(): void {
    for (const wake of [...this.#roomWaiters]) wake()
  }

  /**
   * Lets the next call read after this one. The reads of a frame with many calls would otherwise
   * follow each other without a turn of the event loop. A refused call has read nothing: if the
   * next one waited for a turn too, the socket of a revoked caller would close before its last
   * reply.
   */
  startNextRead(share: ReplyShare): void {
    this.#wakeRoomWaiters()
    if (this.#reading !== share) return
    const next = this.#queue.shift()
    this.#reading = next?.share
    if (!next) return
    if (!share.isRefused && this.#pages.slice.isOver) setImmediate(next.resolve)
    else next.resolve()
  }
}

/** The share of one call in the memory of its connection's replies. */
export class ReplyShare {
  readonly #budget: ReplyBudget
  readonly #pages: PageSlots
  #hasSlot = false
  #isRefused = false
  #bytes = 0

  constructor(budget: ReplyBudget, pages: PageSlots) {
    this.#budget = budget
    this.#pages = pages
  }

  /** True if the call was refused before its operation began. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Call if a guard refuses the call, or there is no such procedure. */
  recordRefusal(): void {
    this.#isRefused = true
  }

  /** Bytes of the reply, once it is known. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes a slot to read a page and keeps it until the reply has been sent. Returns undefined if
   * the call need not wait.
   */
  waitForSlot(): Promise<void> | undefined {
    const room = this.#budget.waitForRoom(this)
    return room ? room.then(() => this.#takeSlot()) : this.#takeSlot()
  }

  #takeSlot(): Promise<void> | undefined {
    if (this.#hasSlot) return undefined
    const slot = this.#pages.take()
    if (slot)
      return slot.then(() => {
        this.#hasSlot = true
      })
    this.#hasSlot = true
    return undefined
  }

  /**
   * Runs a transaction whose reply may be large. `transact` must pass its work to `measured`, which
   * counts the bytes of the result. If the replies before it have taken the room, `measured` throws
   * before the work, the transaction is rolled back, and it runs again when there is room.
   */
  async transact<T>(transact: (measured: (work: () => Promise<T>) => Promise<T>) => Promise<T>): Promise<T> {
    this.#budget.requireBatchRoom()
    for (;;) {
      if (!this.#budget.hasRoomFor(this)) await this.#budget.waitForRoom(this)
      try {
        const result = await transact((work) => this.#measured(work))
        // A blocking call may go on to wait, and its reply is counted by its size.
        this.#budget.startNextRead(this)
        return result
      } catch (error) {
        // Those before it in the same batch have taken the room.
        if (!(error instanceof NoRoomError)) throw error
      }
    }
  }

  async #measured<T>(work: () => Promise<T>): Promise<T> {
    this.#setBytes(0)
    if (!this.#budget.hasRoomFor(this)) throw new NoRoomError('the reply has to wait')
    const result = await work()
    this.#setBytes(replyBytesOf(result))
    return result
  }

  #setBytes(bytes: number): void {
    this.#budget.setBytes(this, bytes)
    this.#bytes = bytes
  }

  /** Ends the share: the reply has been sent, or there is none. */
  release(): void {
    this.#setBytes(0)
    if (this.#hasSlot) this.#pages.release()
    this.#hasSlot = false
    this.#budget.startNextRead(this)
  }
}
