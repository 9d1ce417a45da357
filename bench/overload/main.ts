/**
 * Measures the server beyond its capacity. The server, the load, the workers and the broadcast are
 * processes of their own. It measures the capacity, then offers multiples of it while workers hold
 * leases of 5, 10 and 30 s, and last one caller broadcasts beside them. The exit code is 1 if a
 * lease of a worker with heartbeats was lost, a heartbeat failed, a refusal named no time for the
 * next attempt, or the server's memory grew beyond its bound.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort, ServerProcess } from '../../demo/server-process.ts'
import { BenchChild } from '../child.ts'
import type { BroadcastJob, BroadcastResult } from './broadcast.ts'
import type { LoadJob, LoadResult } from './load.ts'
import { columns, type Row, rowOf } from './table.ts'
import type { WorkersJob, WorkersResult } from './workers.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    factors: { type: 'string', default: '1,2,5' },
    sockets: { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '256' },
    workers: { type: 'string', default: '10' },
    broadcasts: { type: 'string', default: '24' },
    'heap-mb': { type: 'string', default: '256' },
    'memory-mb': { type: 'string', default: '512' },
    json: { type: 'boolean', default: false },
  },
})

const seconds = Number(values.seconds)
const inFlight = Number(values['in-flight'])
const memoryBound = Number(values['memory-mb']) * 1e6

interface LoopReport {
  readonly p999Ms: number
  readonly maxMs: number
  readonly rssBytes: number
  readonly cpuUs: number
  readonly seconds: number
}

const folder = mkdtempSync(join(tmpdir(), 'tony-overload-'))
const monitorPort = await freePort()
const monitor = new URL('./loop-monitor.mjs', import.meta.url).href
// Memory is bounded if the server gets by with a heap of this size: otherwise it would end.
const given = process.env['NODE_OPTIONS'] ?? ''
process.env['NODE_OPTIONS'] = `${given} --import=${monitor} --max-old-space-size=${values['heap-mb']}`
process.env['LOOP_MONITOR_PORT'] = String(monitorPort)
const server = new ServerProcess(folder, await freePort())
await server.start()
// The other processes of the bench are not measured.
delete process.env['NODE_OPTIONS']
delete process.env['LOOP_MONITOR_PORT']

/** Returns the values since the last call. */
const readLoop = async (): Promise<LoopReport> => {
  const response = await fetch(`http://127.0.0.1:${monitorPort}`)
  return JSON.parse(await response.text())
}

const failures: string[] = []

const widths = columns.map((column) => Math.max(column.length, 8) + 2)
const line = (cells: readonly unknown[]) =>
  `${cells.map((cell, index) => String(cell).padEnd(widths[index] ?? 0)).join('')}\n`

function print(row: Row): void {
  process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : line(columns.map((column) => row[column])))
}

function judge(row: Row, workers: WorkersResult, load: LoadResult | undefined): void {
  if (workers.lost > 0) failures.push(`${row.case}: ${workers.lost} leases of beating workers were lost`)
  const failed = Object.entries(workers.failures)
  if (failed.length > 0) failures.push(`${row.case}: heartbeats failed: ${JSON.stringify(workers.failures)}`)
  if ((load?.refusedWithoutTime ?? 0) > 0) failures.push(`${row.case}: refusals did not say when to try again`)
  const others = Object.entries(load?.others ?? {})
  if (others.length > 0) failures.push(`${row.case}: calls failed otherwise: ${JSON.stringify(load?.others)}`)
  if (row.rss_mb * 1e6 > memoryBound) failures.push(`${row.case}: the server used ${row.rss_mb} MB`)
}

try {
  const arguments_ = [server.url]
  await using load = new BenchChild(new URL('./load.ts', import.meta.url), [...arguments_, values.sockets])
  await using workers = new BenchChild(new URL('./workers.ts', import.meta.url), [...arguments_, values.workers])
  await using broadcast = new BenchChild(new URL('./broadcast.ts', import.meta.url), arguments_)
  let peak = 0

  const measure = async (name: string, perSecond: number | undefined): Promise<void> => {
    await readLoop()
    const held = workers.run<WorkersResult>({ seconds } satisfies WorkersJob)
    const [beaten, loaded] = await Promise.all([
      held,
      perSecond === undefined ? undefined : load.run<LoadResult>({ seconds, perSecond, inFlight } satisfies LoadJob),
    ])
    const row = rowOf({ name, perSecond, workers: beaten, load: loaded, loop: await readLoop(), peak })
    peak = Math.max(peak, row.goodput_s)
    judge(row, beaten, loaded)
    print(row)
  }

  /** Some calls on each socket: enough to keep the server busy, too few to wait long. */
  const warmUp = await load.run<LoadResult>({ seconds: Math.min(5, seconds), inFlight: 8 } satisfies LoadJob)
  await readLoop()
  const closed = await load.run<LoadResult>({ seconds, inFlight: 8 } satisfies LoadJob)
  const capacity = closed.succeeded / closed.seconds
  const serverUs = Math.round((await readLoop()).cpuUs / closed.succeededInAll)
  peak = capacity
  if (warmUp.succeeded === 0) throw new Error(`no call of the load succeeded: ${JSON.stringify(warmUp.others)}`)
  if (!values.json) {
    process.stdout.write(
      `capacity: ${Math.round(capacity)} calls/s, ${serverUs} µs of the server each (${values.sockets} sockets, 8 in flight)\n\n`,
    )
    process.stdout.write(line(columns))
  }
  await measure('no load', undefined)
  for (const factor of values.factors.split(',')) await measure(`${factor} x`, capacity * Number(factor))
  if (Number(values.broadcasts) > 0) {
    const broadcasting = broadcast.run<BroadcastResult>({ calls: Number(values.broadcasts) } satisfies BroadcastJob)
    await measure('0.2 x + broadcast', capacity * 0.2)
    const sent = await broadcasting
    if (!values.json)
      process.stdout.write(`the broadcast: ${sent.messages} messages to all in ${sent.seconds.toFixed(1)} s\n`)
  }
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
if (failures.length > 0) process.exitCode = 1
