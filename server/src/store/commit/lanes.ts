import { CoordinationError } from '@tony/mcp-shared/errors'
import { yieldToEventLoop } from '../../platform/clock.ts'

const batchLimit = 64

/** Work that may not run side by side, in the order it came. */
interface Lane<T> {
  pending: T[]
}

/**
 * Puts work that waits together into batches, and runs one batch of a lane at a time. A batch has one project, at most 64
 * pieces of work, and the order in which they came.
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

  /** Throws SHUTTING_DOWN once closed. */
  add(item: T): void {
    if (this.#closed) throw this.#closed
    const name = this.#laneOf(item.scope.project)
    const lane = this.#lanes.get(name)
    if (lane) {
      lane.pending.push(item)
      return
    }
    this.#lanes.set(name, { pending: [item] })
    // After this turn's frames have been read: what arrives together commits together.
    setImmediate(() => void this.#drain(name))
  }

  /** Refuses new work and waits until what was accepted is done. */
  close(): Promise<void> {
    this.#closed = new CoordinationError('SHUTTING_DOWN', 'the server is shutting down')
    return this.#lanes.size > 0 ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  async #drain(name: string): Promise<void> {
    const lane = this.#lanes.get(name)
    while (lane && lane.pending.length > 0) {
      await this.#run(takeBatch(lane))
      // One turn of the event loop between batches, or sockets would starve under load.
      await yieldToEventLoop()
    }
    this.#lanes.delete(name)
    if (this.#lanes.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** The oldest piece of work and those of the same project behind it: a batch locks one project's counter row. */
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
