import { readFileSync } from 'node:fs'

/** The p-th share of sorted numbers. */
const quantile = (sorted: readonly number[], p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN

export interface Latency {
  readonly n: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

function latencyOf(samples: number[]): Latency {
  const sorted = samples.sort((a, b) => a - b)
  return { n: sorted.length, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) }
}

export interface Figures {
  /** Complete and claim in one call, round trip in milliseconds; calls that wait for work are not in it. */
  readonly claim: Latency
  /** From the server's acceptance to the recipient's handler, in milliseconds, first deliveries to agents that were there. */
  readonly delivery: Latency
  readonly deliveriesToAbsent: number
  readonly naks: number
  readonly outlived: number
  readonly staleRefused: number
}

interface Line {
  readonly type?: string
  readonly f?: string
  readonly ms?: number
  readonly out?: { readonly latencyMs?: number; readonly present?: boolean; readonly error?: string }
}

/** Reads what the agents noted. */
export function figuresOf(histories: readonly string[]): Figures {
  const claims: number[] = []
  const deliveries: number[] = []
  let [absent, naks, outlived, stale] = [0, 0, 0, 0]
  for (const path of histories) {
    for (const text of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
      const { type, f, ms, out }: Line = JSON.parse(text)
      if (f === 'next' && type === 'ok' && ms !== undefined) claims.push(ms)
      if (f === 'deliver' && out?.latencyMs !== undefined) {
        if (out.present) deliveries.push(out.latencyMs)
        else absent += 1
      }
      if (f === 'nak' && type === 'ok') naks += 1
      if (f === 'outlive') outlived += 1
      if (type === 'fail' && /STALE_LEASE|lease of task/.test(out?.error ?? '')) stale += 1
    }
  }
  return { claim: latencyOf(claims), delivery: latencyOf(deliveries), deliveriesToAbsent: absent, naks, outlived, staleRefused: stale }
}
