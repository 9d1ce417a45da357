import type { Clock } from '@tony/mcp-server/platform/clock'

/**
 * A clock that stands still until a test advances it. Timers run in their order when it passes
 * them.
 */
export class ManualClock implements Clock {
  #wall: number
  #monotonic = 0
  readonly #start: number
  #timers = new Map<object, { at: number; run: () => void }>()
  /** The result of `random`. */
  chance = 0.5

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall
    this.#start = wall
  }

  /** Follows the monotonic clock, as the clock of another machine does. */
  readonly databaseTime = (): number => Math.floor(this.#start + this.#monotonic)

  wall(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  random(): number {
    return this.chance
  }

  timer(ms: number, run: () => void): () => void {
    const key = {}
    this.#timers.set(key, { at: this.#monotonic + ms, run })
    return () => this.#timers.delete(key)
  }

  /** Advances the clock. */
  advance(ms: number): void {
    const end = this.#monotonic + ms
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)
      if (!next) break
      const [key, { at, run }] = next
      this.#timers.delete(key)
      this.#wall += at - this.#monotonic
      this.#monotonic = at
      run()
    }
    this.#wall += end - this.#monotonic
    this.#monotonic = end
  }

  /** Sets the wall clock, as an administrator does. The monotonic clock does not change. */
  setWall(wall: number): void {
    this.#wall = wall
  }
}
