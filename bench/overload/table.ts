import type { LoadResult } from './load.ts'
import type { WorkersResult } from './workers.ts'

export const columns = [
  'case',
  'offered_s',
  'goodput_s',
  'of_peak',
  'refused_s',
  'call_p99_ms',
  'refusal_p99_ms',
  'beat_p50_ms',
  'beat_p99_ms',
  'beat_max_ms',
  'leases',
  'lost',
  'loop_p999_ms',
  'loop_max_ms',
  'rss_mb',
  'server_us_op',
  'server_cores',
  'load_cores',
] as const

/** A row of the table: times in milliseconds, rates per second, memory in millions of bytes. */
export type Row = { readonly case: string } & { readonly [C in Exclude<(typeof columns)[number], 'case'>]: number }

interface Measured {
  readonly name: string
  readonly perSecond: number | undefined
  readonly workers: WorkersResult
  readonly load: LoadResult | undefined
  readonly loop: {
    readonly p999Ms: number
    readonly maxMs: number
    readonly rssBytes: number
    readonly cpuUs: number
    readonly seconds: number
  }
  /** The largest goodput so far, in calls per second. */
  readonly peak: number
}

const tenths = (value: number): number => Math.round(value * 10) / 10
const hundredths = (value: number): number => Math.round(value * 100) / 100

export function rowOf({ name, perSecond, workers, load, loop, peak }: Measured): Row {
  const goodput = load ? load.succeeded / load.seconds : 0
  return {
    case: name,
    offered_s: Math.round(perSecond ?? 0),
    goodput_s: Math.round(goodput),
    of_peak: hundredths(goodput / Math.max(peak, goodput, 1)),
    refused_s: Math.round(load ? load.refused / load.seconds : 0),
    call_p99_ms: tenths(load?.p99Ms ?? 0),
    refusal_p99_ms: tenths(load?.refusalP99Ms ?? 0),
    beat_p50_ms: tenths(workers.p50Ms),
    beat_p99_ms: tenths(workers.p99Ms),
    beat_max_ms: tenths(workers.maxMs),
    leases: workers.leases,
    lost: workers.lost,
    loop_p999_ms: tenths(loop.p999Ms),
    loop_max_ms: tenths(loop.maxMs),
    rss_mb: Math.round(loop.rssBytes / 1e6),
    // Of all calls that succeeded: the refused ones and the heartbeats are in it.
    server_cores: hundredths(loop.cpuUs / 1e6 / loop.seconds),
    load_cores: hundredths(load?.cores ?? 0),
    server_us_op: load ? Math.round(loop.cpuUs / Math.max(1, load.succeededInAll)) : 0,
  }
}
