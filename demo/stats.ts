import { readFileSync } from 'node:fs'

/** Returns the p-quantile of sorted numbers. */
const quantile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN

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

export interface Stats {
  /** Round trip of a call that completes and claims, in milliseconds, without calls that wait. */
  readonly claim: Latency
  /**
   * Time from the server's acceptance to the recipient's handler, in milliseconds. Only first
   * deliveries to agents that were present count.
   */
  readonly delivery: Latency
  readonly deliveriesToAbsent: number
  readonly naks: number
  readonly outlived: number
  readonly staleRefused: number
}

interface HistoryLine {
  readonly type?: string
  readonly f?: string
  readonly ms?: number
  readonly out?: { readonly latencyMs?: number; readonly present?: boolean; readonly error?: string }
}

function* linesOf(paths: readonly string[]): Generator<HistoryLine> {
  for (const path of paths) {
    for (const text of readFileSync(path, 'utf8').split('\n').slice(0, -1)) yield JSON.parse(text)
  }
}

const isStale = ({ type, out }: HistoryLine): boolean => type === 'fail' && /lease of task/.test(out?.error ?? '')

/** Reads the histories of the agents. */
export function statsOf(histories: readonly string[]): Stats {
  const lines = [...linesOf(histories)]
  const delivered = lines.filter(({ f, out }) => f === 'deliver' && out?.latencyMs !== undefined)
  const present = delivered.filter(({ out }) => out?.present)
  const claims = lines.filter(({ f, type, ms }) => f === 'next' && type === 'ok' && ms !== undefined)
  return {
    claim: latencyOf(claims.map(({ ms }) => ms ?? Number.NaN)),
    delivery: latencyOf(present.map(({ out }) => out?.latencyMs ?? Number.NaN)),
    deliveriesToAbsent: delivered.length - present.length,
    naks: lines.filter(({ f, type }) => f === 'nak' && type === 'ok').length,
    outlived: lines.filter(({ f }) => f === 'outlive').length,
    staleRefused: lines.filter(isStale).length,
  }
}
