import type { Run } from '../measure.ts'
import { median } from '../statistics.ts'

/** All runs of one system at one work, as medians. */
export interface Row {
  readonly work: string
  readonly system: string
  readonly form: string
  readonly isPeer: boolean
  readonly perSecond: number
  readonly slowest: number
  readonly fastest: number
  readonly serverUs: number
  readonly clientUs: number
  readonly latencies: Readonly<Record<string, { readonly p50Ms: number; readonly p99Ms: number }>>
  readonly serverCores: number
  readonly serverBytes: number
  readonly diskBytes: number | undefined
  readonly counted: number
  /** The rate of this product's first form by the rate of this row; undefined for that form. */
  readonly ratio: number | undefined
  /** The CPU time of this row an operation, server and client, by that of the same first form. */
  readonly cpuRatio: number | undefined
}

const keyOf = ({ work, system, form }: Run): string => [work, system, form].join('\n')

const cpuOf = (runs: readonly Run[]): number => median(runs.map(({ serverUs, clientUs }) => serverUs + clientUs))
const rateOf = (runs: readonly Run[]): number => median(runs.map(({ perSecond }) => perSecond))

function rowOf(runs: readonly Run[], firsts: readonly Run[]): Row | undefined {
  const [run] = runs
  if (!run) return undefined
  const medianOf = (value: (one: Run) => number) => median(runs.map(value))
  const rates = runs.map(({ perSecond }) => perSecond)
  const names = Object.keys(run.latencies)
  const latencies = Object.fromEntries(
    names.map((name) => [
      name,
      {
        p50Ms: medianOf((one) => one.latencies[name]?.p50Ms ?? Number.NaN),
        p99Ms: medianOf((one) => one.latencies[name]?.p99Ms ?? Number.NaN),
      },
    ]),
  )
  return {
    work: run.work,
    system: run.system,
    form: run.form,
    isPeer: run.isPeer,
    perSecond: rateOf(runs),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    serverUs: medianOf(({ serverUs }) => serverUs),
    clientUs: medianOf(({ clientUs }) => clientUs),
    latencies,
    serverCores: medianOf(({ serverCores }) => serverCores),
    serverBytes: medianOf(({ serverBytes }) => serverBytes),
    diskBytes: run.diskBytes === undefined ? undefined : medianOf(({ diskBytes = 0 }) => diskBytes),
    counted: medianOf(({ counted }) => counted),
    ratio: runs === firsts ? undefined : rateOf(firsts) / rateOf(runs),
    cpuRatio: runs === firsts ? undefined : cpuOf(runs) / cpuOf(firsts),
  }
}

/** Returns a row for each system at each work, in the order of their first runs. */
export function rowsOf(runs: readonly Run[]): Row[] {
  const groups = Map.groupBy(runs, keyOf)
  return [...groups.values()].flatMap((group) => {
    // A peer may have run first, because the rounds alternate.
    const ours = [...groups.values()].find(([run]) => run?.work === group[0]?.work && !run?.isPeer)
    const row = rowOf(group, ours ?? [])
    return row ? [row] : []
  })
}
