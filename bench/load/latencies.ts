import { percentile } from '../statistics.ts'
import type { Latency } from './workload.ts'

/** Collects latencies in milliseconds. */
export class Latencies {
  #values: number[] = []

  add(ms: number): void {
    this.#values.push(ms)
  }

  /** Returns the percentiles and forgets the values. */
  take(): Latency {
    const sorted = this.#values.toSorted((a, b) => a - b)
    this.#values = []
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) }
  }
}
