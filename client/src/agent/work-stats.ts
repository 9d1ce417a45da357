import { readResourceUsage } from '../runtime/process.ts'

/** Load, error rate and resource use of an agent since its previous health sample. */
export interface HealthSample {
  /** Number of handled tasks, messages and requests. */
  readonly requestsHandled?: number
  /** Mean handling time, in milliseconds. */
  readonly avgResponseTimeMs?: number
  /** Share of failures: 0–1. */
  readonly errorRate?: number
  /** CPU time as a share of one core: 0–1, above 1 with several cores. Undefined in a page. */
  readonly cpuUsage?: number
  /** Resident memory, in bytes. Undefined in a page. */
  readonly memoryUsage?: number
}

/** Called after each piece of work with its duration and success. */
export type WorkObserver = (tookMs: number, ok: boolean) => void

export interface WorkStats {
  readonly record: WorkObserver
  /**
   * Returns the stats since the previous sample and resets them. Returns undefined if `everyMs` is
   * 0 or has not passed since then.
   */
  takeSampleIfDue(everyMs: number): HealthSample | undefined
}

/** Measures this process and counts the work of one agent. */
export function createWorkStats(): WorkStats {
  let handled = 0
  let failed = 0
  let tookMs = 0
  let lastSampleAt = performance.now()
  let lastUsage = readResourceUsage()
  const measure = (now: number): HealthSample => {
    const before = lastUsage
    lastUsage = readResourceUsage()
    if (!before || !lastUsage || now <= lastSampleAt) return {}
    return {
      cpuUsage: Math.max(0, lastUsage.cpuMs - before.cpuMs) / (now - lastSampleAt),
      memoryUsage: lastUsage.memoryBytes,
    }
  }
  return {
    record: (ms, ok) => {
      handled += 1
      tookMs += ms
      if (!ok) failed += 1
    },
    takeSampleIfDue: (everyMs) => {
      const now = performance.now()
      if (everyMs === 0 || now - lastSampleAt < everyMs) return undefined
      const rates = handled === 0 ? {} : { avgResponseTimeMs: tookMs / handled, errorRate: failed / handled }
      const sample = { requestsHandled: handled, ...rates, ...measure(now) }
      lastSampleAt = now
      handled = 0
      failed = 0
      tookMs = 0
      return sample
    },
  }
}

/** Runs a piece of work and passes its duration and success to `observe`. */
export async function measureWork<T>(observe: WorkObserver, work: () => T): Promise<Awaited<T>> {
  const begun = performance.now()
  let ok = false
  try {
    const result = await work()
    ok = true
    return result
  } finally {
    observe(performance.now() - begun, ok)
  }
}
