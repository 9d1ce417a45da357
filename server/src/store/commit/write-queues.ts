import { CoordinationError } from '@tony/mcp-shared/errors'
import { yieldToEventLoop } from '../../platform/clock.ts'
import type { Lane, LaneState, QueueKey, WriteQueueState } from '../store.ts'
import { FairQueue, laneOf, type QueuedOperation } from './fair-queue.ts'

/** Operations in one batch. A commit costs as much as several of them. */
const batchLimit = 256

/**
 * After a batch without time for all of its operations, the multiple of those that ran which the
 * next one takes at most. The others return to the queue, which costs as much as taking them.
 */
const growth = 2

/** Operations that a batch takes at least, if they wait. */
const leastLimit = 32

/** The earliest arrival in each lane; infinity for an empty one. */
type OldestArrivals = Record<Lane, number>

/** The queue of one writer. */
interface WriteQueue<T extends QueuedOperation> {
  readonly queue: FairQueue<T>
  /** They are computed once per batch, because that takes a step for each caller. */
  oldest: OldestArrivals
}

const oldestArrivalsOf = (queue: FairQueue<QueuedOperation>): OldestArrivals => ({
  urgent: queue.oldestArrival('urgent'),
  normal: queue.oldestArrival('normal'),
  bulk: queue.oldestArrival('bulk'),
})

function noteArrival({ oldest }: WriteQueue<QueuedOperation>, item: QueuedOperation): void {
  const lane = laneOf(item.scope)
  oldest[lane] = Math.min(oldest[lane], item.arrivedAt)
}

interface WriteQueuesOptions<T extends QueuedOperation> {
  /** The writer that serves a project; batches of one writer run one after another. */
  readonly writerOf: (project: string) => string
  /** Runs a batch. Returns the operations for which no time was left. */
  readonly run: (batch: readonly T[]) => Promise<readonly T[]>
  /** The store's time, in milliseconds since 1970. */
  readonly now: () => number
}

/** Collects waiting operations in batches and runs one batch of a writer at a time. */
export class WriteQueues<T extends QueuedOperation> {
  readonly #options: WriteQueuesOptions<T>
  readonly #queues = new Map<string, WriteQueue<T>>()
  #closed: CoordinationError | undefined
  #idle: (() => void)[] = []
  #earliestUnqueued: () => number = () => Number.POSITIVE_INFINITY

  constructor(options: WriteQueuesOptions<T>) {
    this.#options = options
  }

  /** Throws SHUTTING_DOWN once closed. */
  add(item: T): void {
    if (this.#closed) throw this.#closed
    const writer = this.#options.writerOf(item.scope.project)
    const existing = this.#queues.get(writer)
    if (existing) {
      existing.queue.add(item, this.#options.now())
      noteArrival(existing, item)
      return
    }
    const queue = new FairQueue<T>()
    queue.add(item, this.#options.now())
    this.#queues.set(writer, { queue, oldest: oldestArrivalsOf(queue) })
    // After this turn's frames have been read: what arrives together commits together.
    setImmediate(() => void this.#drain(writer))
  }

  /**
   * The milliseconds that something has waited that is served before a new operation with this
   * scope; 0 if nothing is.
   */
  ageMs(scope: QueueKey): number {
    const waiting = this.#queues.get(this.#options.writerOf(scope.project))
    return waiting ? Math.max(0, this.#options.now() - waiting.queue.waitingSince(scope)) : 0
  }

  /** The operations that wait, over all writers. */
  get state(): WriteQueueState {
    const now = this.#options.now()
    const queues = [...this.#queues.values()]
    const stateOf = (lane: Lane): LaneState => ({
      ageMs: queues.reduce((ageMs, { oldest }) => Math.max(ageMs, now - oldest[lane]), 0),
      waiting: queues.reduce((sum, { queue }) => sum + queue.sizeOf(lane), 0),
    })
    return { urgent: stateOf('urgent'), normal: stateOf('normal'), bulk: stateOf('bulk') }
  }

  /**
   * Sets the source of the earliest arrival among the calls that have reached the server and are
   * not in a queue yet; infinity if there is none.
   */
  setArrivalSource(earliest: () => number): void {
    this.#earliestUnqueued = earliest
  }

  /**
   * The time up to which the writer of a project has run every urgent operation that had arrived.
   * Infinity means that none waits. A call that is not in a queue yet may be urgent.
   */
  settledAt(project: string): number {
    const waiting = this.#queues.get(this.#options.writerOf(project))
    return Math.min(waiting?.oldest.urgent ?? Number.POSITIVE_INFINITY, this.#earliestUnqueued())
  }

  /** True if an operation of a lane above `bulk` waits for the writer of a project. */
  hasBetterThanBulk(project: string): boolean {
    return this.#queues.get(this.#options.writerOf(project))?.queue.hasBetterThanBulk ?? false
  }

  /** Refuses new work and waits until the accepted work is done. */
  close(): Promise<void> {
    this.#closed = new CoordinationError('SHUTTING_DOWN', 'the server is shutting down')
    return this.#queues.size > 0 ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  async #drain(writer: string): Promise<void> {
    const waiting = this.#queues.get(writer)
    let limit = batchLimit
    while (waiting && waiting.queue.size > 0) {
      const batch = waiting.queue.takeBatch(limit, this.#options.now())
      waiting.oldest = oldestArrivalsOf(waiting.queue)
      const remaining = await this.#options.run(batch)
      const started = batch.length - remaining.length
      limit = remaining.length === 0 ? batchLimit : Math.min(batchLimit, Math.max(leastLimit, growth * started))
      waiting.queue.putBack(remaining)
      for (const item of remaining) noteArrival(waiting, item)
      // One turn of the event loop between batches, or sockets would starve under load.
      await yieldToEventLoop()
    }
    this.#queues.delete(writer)
    if (this.#queues.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}
