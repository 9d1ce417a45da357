import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Interval of the measurements in milliseconds. Each recorded delay includes it. */
const resolutionMs = 20

/** Measures how late the event loop runs its timers. Its own timer keeps no process alive. */
export class LoopLag {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs })

  start(): void {
    this.#delays.enable()
  }

  stop(): void {
    this.#delays.disable()
  }

  /** Returns the longest delay since the last call, in whole milliseconds. */
  takeMaxMs(): number {
    const maxMs = Math.max(0, Math.round(this.#delays.max / 1e6) - resolutionMs)
    this.#delays.reset()
    return maxMs
  }
}
