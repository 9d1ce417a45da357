import { CoordinationError } from '@tony/mcp-shared/errors'
import { yieldToEventLoop } from '../../platform/clock.ts'

const batchLimit = 64

/** A queue of work that must not run concurrently, oldest first. */
interface Lane<T> {
  pending: T[]
}

/**
 * Groups waiting work into batches and runs one batch per lane at a time. A batch has one project
 * and at most 64 items, oldest first.
 */
export class Lanes<T extends { readonly scope: { readonly project: string } }> {
  readonly #laneOf: (project: string) => string
  readonly #run: (batch: readonly T[]) => Promise<void>
  readonly #lanes = new Map<string, Lane<T>>()
  #closed: CoordinationError | undefined
  #idle: (() => void)[] = []

  constructor(laneOf: (project: string) => string, run: (batch: readonly T[]) => Promise<void>) {
    this.#laneOf = laneOf
    this.#run = run
  }

  /** Adds an item. Throws SHUTTING_DOWN after `close`. */
  add(item: T): void {
    if (this.#closed) throw this.#closed
    const name = this.#laneOf(item.scope.project)
    const lane = this.#lanes.get(name)
    if (lane) {
      lane.pending.push(item)
      return
    }
    this.#lanes.set(name, { pending: [item] })
    // Starts after the frames of this event-loop iteration are read, so that calls that arrive
    // together commit together.
    setImmediate(() => void this.#drain(name))
  }

  /** Refuses new work and waits until the accepted work is done. */
  close(): Promise<void> {
    this.#closed = new CoordinationError('SHUTTING_DOWN', 'the server is shutting down')
    return this.#lanes.size > 0 ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  async #drain(name: string): Promise<void> {
    const lane = this.#lanes.get(name)
    while (lane && lane.pending.length > 0) {
      await this.#run(takeBatch(lane))
      // Without this yield between batches, sockets starve under load.
      await yieldToEventLoop()
    }
    this.#lanes.delete(name)
    if (this.#lanes.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/**
 * Takes the oldest item and later items of its project. A batch locks one project's counter row.
 */
function takeBatch<T extends { readonly scope: { readonly project: string } }>(lane: Lane<T>): T[] {
  const project = lane.pending[0]?.scope.project
  const batch: T[] = []
  const rest: T[] = []
  for (const item of lane.pending) {
    if (batch.length < batchLimit && item.scope.project === project) batch.push(item)
    else rest.push(item)
  }
  lane.pending = rest
  return batch
}
