import { formatted, isOwnWork, latencyText, nameOf, ratioText } from './format.ts'
import type { Row } from './rows.ts'

export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The comparison: all systems at each work. */
export function comparisonOf(rows: readonly Row[]): Table {
  const compared = rows.filter((row) => !isOwnWork(row))
  return {
    columns: [
      'work',
      'system',
      'per second',
      'slowest–fastest',
      'rate of Tony by it',
      'its CPU by that of Tony',
      'server µs',
      'client µs',
      'disk bytes',
      'p50 / p99 ms',
    ],
    rows: compared.map((row) => [
      row.work,
      nameOf(row),
      formatted(row.perSecond),
      `${formatted(row.slowest)}–${formatted(row.fastest)}`,
      ratioText(row.ratio),
      ratioText(row.cpuRatio),
      formatted(row.serverUs),
      formatted(row.clientUs),
      row.diskBytes === undefined ? '' : formatted(row.diskBytes),
      latencyText(row),
    ]),
  }
}

/** Latencies of this product at a mixed load. */
export function latenciesOf(rows: readonly Row[]): Table {
  const text = (row: Row, name: string) => {
    const latency = row.latencies[name]
    return latency ? `${formatted(latency.p50Ms)} / ${formatted(latency.p99Ms)}` : '–'
  }
  return {
    columns: [
      'work',
      'per second',
      'message p50 / p99 ms',
      'task p50 / p99 ms',
      'heartbeat p50 / p99 ms',
      'server, cores',
    ],
    rows: rows
      .filter(({ work }) => work.startsWith('latency'))
      .map((row) => [
        row.work,
        formatted(row.perSecond),
        text(row, 'message'),
        text(row, 'task'),
        text(row, 'heartbeat'),
        row.serverCores.toFixed(2),
      ]),
  }
}

/** The cost of idle agents of this product. */
export function idleOf(rows: readonly Row[]): Table {
  return {
    columns: ['work', 'memory an agent, kB', 'server, % of a core', 'heartbeat p50 / p99 ms'],
    rows: rows
      .filter(({ work }) => work.startsWith('idle'))
      .map((row) => [
        row.work,
        (row.serverBytes / 1_000 / Number(/\d+/.exec(row.work)?.[0] ?? 1)).toFixed(1),
        (row.serverCores * 100).toFixed(1),
        latencyText(row),
      ]),
  }
}

export const tablesOf = (rows: readonly Row[]): Table[] =>
  [comparisonOf(rows), latenciesOf(rows), idleOf(rows)].filter((table) => table.rows.length > 0)
