import { readResourceUsage } from '#host'

/** What an agent reports of itself, since the report before. */
export interface HealthSample {
  /** Tasks, messages and requests. */
  readonly requestsHandled?: number
  /** In milliseconds. */
  readonly avgResponseTimeMs?: number
  /** 0–1. */
  readonly errorRate?: number
  /** Share of one core: 0–1, above 1 with several. Measured; only where there is a process. */
  readonly cpuUsage?: number
  /** Resident memory, in bytes. Measured; only where there is a process. */
  readonly memoryUsage?: number
}

/** How one piece of work went. */
export type WorkObserver = (tookMs: number, ok: boolean) => void

export interface WorkStats {
  readonly record: WorkObserver
  /** What there is to report, and begins anew; undefined before `everyMs` have passed since the last. */
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

/** Runs a piece of work and tells how it went. */
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
