import type { Lane, QueueKey } from '../store.ts'

/** An operation that waits for a batch. */
export interface QueuedOperation {
  readonly scope: QueueKey
  /** The store's time at which it arrived, in milliseconds since 1970. */
  readonly arrivedAt: number
}

/** The waiting operations of one caller in a lane. */
interface CallerQueue<T> {
  readonly items: T[]
  /** The time of its last turn, or of its first operation if it has had none. */
  readonly since: number
}

/** The order of service. */
export const laneOrder: readonly Lane[] = ['urgent', 'normal', 'bulk']

/**
 * Number of batches after which one batch goes to a lower lane, so that higher lanes cannot starve
 * it. If both lower lanes wait, they alternate, and each gets at least a sixteenth of the batches.
 */
const starvationPeriod = 8

/** The lanes whose operations share a batch. */
const sharedBatchLanes: readonly Lane[] = ['urgent', 'normal']

export const laneOf = ({ lane }: QueueKey): Lane => lane ?? 'normal'
const callerOf = ({ caller }: QueueKey): string => caller ?? ''

/**
 * The operations of one lane. Projects take turns, and in each project so do its callers: a caller
 * with a thousand operations waits behind its own. The operations of one caller keep their order.
 */
class LaneQueue<T extends QueuedOperation> {
  /** The first project and the first caller are the next to be served. */
  readonly #projects = new Map<string, Map<string, CallerQueue<T>>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  get nextProject(): string | undefined {
    return this.#projects.keys().next().value
  }

  add(item: T, now: number): void {
    this.#size += 1
    const { project } = item.scope
    const callers = this.#projects.get(project) ?? new Map<string, CallerQueue<T>>()
    this.#projects.set(project, callers)
    const own = callers.get(callerOf(item.scope))
    if (own) own.items.push(item)
    else callers.set(callerOf(item.scope), { items: [item], since: now })
  }

  /**
   * Puts operations of one project before its others. They and their callers keep their order.
   * `isNext` puts the project before the others, because its turn served none of them.
   */
  putFirst(items: readonly T[], isNext: boolean): void {
    const project = items[0]?.scope.project
    if (project === undefined) return
    this.#size += items.length
    const waiting = this.#projects.get(project) ?? new Map<string, CallerQueue<T>>()
    const callers = new Map<string, CallerQueue<T>>()
    // They have waited for longer than the caller that is next now.
    const since = waiting.values().next().value?.since
    for (const [caller, returned] of Map.groupBy(items, ({ scope }) => callerOf(scope)))
      callers.set(caller, { items: returned, since: since ?? returned[0]?.arrivedAt ?? 0 })
    for (const [caller, own] of waiting) {
      const returned = callers.get(caller)
      if (returned) returned.items.push(...own.items)
      else callers.set(caller, own)
    }
    this.#projects.set(project, callers)
    if (!isNext) return
    this.#projects.delete(project)
    const others = [...this.#projects]
    this.#projects.clear()
    for (const [name, queues] of [[project, callers] as const, ...others]) this.#projects.set(name, queues)
  }

  /** Takes the next operation of a project; its caller goes to the end of the line. */
  take(project: string, now: number): T | undefined {
    const callers = this.#projects.get(project)
    const next = callers?.entries().next().value
    if (!callers || !next) return undefined
    const [caller, { items }] = next
    const item = items.shift()
    this.#size -= 1
    callers.delete(caller)
    if (items.length > 0) callers.set(caller, { items, since: now })
    if (callers.size === 0) this.#projects.delete(project)
    return item
  }

  /** Puts a project that has had its turn behind the others. */
  rotate(project: string): void {
    const callers = this.#projects.get(project)
    if (!callers) return
    this.#projects.delete(project)
    this.#projects.set(project, callers)
  }

  /**
   * The start of the longest wait that is ahead of a new operation of this caller: the arrival of
   * its own oldest operation, or the `since` of the caller that is served next. The earlier one
   * counts. Infinity if nothing waits.
   */
  waitingSince(project: string, caller: string): number {
    const callers = this.#projects.get(project)
    const own = callers?.get(caller)?.items[0]?.arrivedAt
    const turn = callers?.values().next().value?.since
    return Math.min(own ?? Number.POSITIVE_INFINITY, turn ?? Number.POSITIVE_INFINITY)
  }

  /**
   * The earliest arrival; infinity if empty. It is not always that of a caller's first operation,
   * because its sockets take turns too.
   */
  oldestArrival(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const callers of this.#projects.values())
      for (const { items } of callers.values()) for (const { arrivedAt } of items) oldest = Math.min(oldest, arrivedAt)
    return oldest
  }
}

/** The operations that wait for one writer, in the order in which they are to be served. */
export class FairQueue<T extends QueuedOperation> {
  readonly #lanes: Readonly<Record<Lane, LaneQueue<T>>> = {
    urgent: new LaneQueue<T>(),
    normal: new LaneQueue<T>(),
    bulk: new LaneQueue<T>(),
  }
  /** The operations of the last batch by lane. */
  #taken: Record<Lane, number> = { urgent: 0, normal: 0, bulk: 0 }
  #batches = 0
  #promotions = 0

  get size(): number {
    return laneOrder.reduce((size, lane) => size + this.#lanes[lane].size, 0)
  }

  /** True if an operation waits in a lane above `bulk`. */
  get hasBetterThanBulk(): boolean {
    return sharedBatchLanes.some((lane) => !this.#lanes[lane].isEmpty)
  }

  /** The number of operations that wait in a lane. */
  sizeOf(lane: Lane): number {
    return this.#lanes[lane].size
  }

  add(item: T, now: number): void {
    this.#lanes[laneOf(item.scope)].add(item, now)
  }

  /**
   * The time since which something has waited that is served before a new operation with this
   * scope; infinity if nothing is. The age of the oldest operation would be that of a caller with a
   * thousand of them, which delays others by one turn only.
   */
  waitingSince(scope: QueueKey): number {
    let since = Number.POSITIVE_INFINITY
    for (const lane of laneOrder) {
      since = Math.min(since, this.#lanes[lane].waitingSince(scope.project, callerOf(scope)))
      if (lane === laneOf(scope)) break
    }
    return since
  }

  /** Takes back operations of a batch that had no time left for them, in their order. */
  putBack(items: readonly T[]): void {
    for (const lane of laneOrder) {
      const returned = items.filter((item) => laneOf(item.scope) === lane)
      this.#lanes[lane].putFirst(returned, returned.length === this.#taken[lane])
    }
  }

  /**
   * Takes up to `limit` operations of one project, urgent ones first; none from an empty queue.
   * Bulk operations are never in a batch with others, whose replies would wait for them.
   */
  takeBatch(limit: number, now: number): T[] {
    this.#batches += 1
    const waiting = laneOrder.filter((lane) => !this.#lanes[lane].isEmpty)
    const lower = waiting.slice(1)
    const promoted = this.#batches % starvationPeriod === 0 ? lower[this.#promotions++ % lower.length] : undefined
    const first = promoted ?? waiting[0]
    if (!first) return []
    const project = this.#lanes[first].nextProject
    if (project === undefined) return []
    const batch: T[] = []
    this.#taken = { urgent: 0, normal: 0, bulk: 0 }
    // A promoted lane is alone: behind urgent operations its own would find no time left again.
    for (const lane of promoted || first === 'bulk' ? [first] : sharedBatchLanes) {
      while (batch.length < limit) {
        const item = this.#lanes[lane].take(project, now)
        if (!item) break
        batch.push(item)
        this.#taken[lane] += 1
      }
      if (this.#taken[lane] > 0) this.#lanes[lane].rotate(project)
    }
    return batch
  }

  /** The earliest arrival among the operations that wait in a lane; infinity if none does. */
  oldestArrival(lane: Lane): number {
    return this.#lanes[lane].oldestArrival()
  }
}
