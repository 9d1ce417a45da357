/**
 * Measures what agents at normal work feel of a bulk caller, on both engines. Rounds without and
 * with the caller alternate, so that other load on the machine affects both.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort, ServerChild } from '../../demo/server-process.ts'
import { Cluster } from '../../tests/support/postgres-cluster.ts'
import { BenchChild } from '../child.ts'
import { median } from '../statistics.ts'
import type { AgentsJob, AgentsResult } from './agents.ts'
import type { BulkJob, BulkKind, BulkResult } from './caller.ts'

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'sqlite,postgres' },
    kinds: { type: 'string', default: 'createMany,sendMany,plan' },
    agents: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    'plan-tasks': { type: 'string', default: '40000' },
    json: { type: 'boolean', default: false },
  },
})

const seconds = Number(values.seconds)
const tenths = (value: number): number => Math.round(value * 10) / 10
const hundredths = (value: number): number => Math.round(value * 100) / 100

const columns = [
  'engine',
  'bulk',
  'p99_ms',
  'p99_with_ms',
  'ratio',
  'max_ms',
  'beat_max_ms',
  'failed',
  'bulk_s',
] as const
const line = (cells: readonly unknown[]) => `${cells.map((cell) => String(cell).padEnd(13)).join('')}\n`

async function measure(engine: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-bulk-'))
  const server = new ServerChild({
    folder,
    port: await freePort(),
    settings: { DATABASE_PATH: join(folder, 'bulk.db'), ...settings },
  })
  await server.start()
  try {
    const url = `http://127.0.0.1:${server.port}`
    await using agents = new BenchChild(new URL('./agents.ts', import.meta.url), [url, values.agents])
    await using caller = new BenchChild(new URL('./caller.ts', import.meta.url), [url])
    await agents.run<AgentsResult>({ seconds: 2 } satisfies AgentsJob)
    for (const kind of values.kinds.split(',') as BulkKind[]) {
      const [without, beside]: [AgentsResult[], AgentsResult[]] = [[], []]
      const bulk: BulkResult[] = []
      // A plan is measured once: it is as long as several rounds.
      const rounds = kind === 'plan' ? 1 : Number(values.rounds)
      for (let round = 0; round < rounds; round += 1) {
        without.push(await agents.run<AgentsResult>({ seconds } satisfies AgentsJob))
        const calling = caller.run<BulkResult>({
          kind,
          seconds,
          planTasks: Number(values['plan-tasks']),
        } satisfies BulkJob)
        beside.push(await agents.run<AgentsResult>({ seconds } satisfies AgentsJob))
        bulk.push(await calling)
      }
      const [p99, p99With] = [without, beside].map((results) => median(results.map(({ claimP99Ms }) => claimP99Ms)))
      const row = {
        engine,
        bulk: kind,
        p99_ms: tenths(p99 ?? 0),
        p99_with_ms: tenths(p99With ?? 0),
        ratio: tenths((p99With ?? 0) / (p99 ?? 1)),
        max_ms: tenths(Math.max(...beside.map(({ claimMaxMs }) => claimMaxMs))),
        beat_max_ms: tenths(Math.max(...beside.map(({ beatMaxMs }) => beatMaxMs))),
        failed: JSON.stringify(Object.assign({}, ...beside.map(({ failures }) => failures))),
        bulk_s: hundredths(median(bulk.map((result) => result.seconds / result.calls))),
      }
      process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : line(columns.map((column) => row[column])))
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (!values.json) process.stdout.write(line(columns))
for (const engine of values.engines.split(',')) {
  if (engine === 'sqlite') {
    await measure(engine, {})
    continue
  }
  await using cluster = await Cluster.start()
  if (!cluster) throw new Error('there is no PostgreSQL')
  await measure(engine, { DATABASE_URL: `${cluster.url}/postgres`, DATABASE_PATH: '' })
}
