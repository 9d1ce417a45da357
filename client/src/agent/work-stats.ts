import { usage } from '#host'

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
export type Observe = (tookMs: number, ok: boolean) => void

export interface Gauge {
  readonly observe: Observe
  /** What there is to report, and begins anew; undefined before `everyMs` have passed since the last. */
  due(everyMs: number): HealthSample | undefined
}

/** Measures this process and counts the work of one agent. */
export function gauge(): Gauge {
  let handled = 0
  let failed = 0
  let tookMs = 0
  let at = performance.now()
  let used = usage()
  const measure = (now: number): HealthSample => {
    const before = used
    used = usage()
    if (!before || !used || now <= at) return {}
    return { cpuUsage: Math.max(0, used.cpuMs - before.cpuMs) / (now - at), memoryUsage: used.memoryBytes }
  }
  return {
    observe: (ms, ok) => {
      handled += 1
      tookMs += ms
      if (!ok) failed += 1
    },
    due: (everyMs) => {
      const now = performance.now()
      if (everyMs === 0 || now - at < everyMs) return undefined
      const rates = handled === 0 ? {} : { avgResponseTimeMs: tookMs / handled, errorRate: failed / handled }
      const sample = { requestsHandled: handled, ...rates, ...measure(now) }
      at = now
      handled = 0
      failed = 0
      tookMs = 0
      return sample
    },
  }
}

/** Runs a piece of work and tells how it went. */
export async function observed<T>(observe: Observe, work: () => T): Promise<Awaited<T>> {
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
