/**
 * Measures the cost of backups for concurrent writers. It writes at a steady rate and times each
 * write from its due time, first without backups and then during consecutive ones. It prints the
 * latencies of both. It fails if a backup is not a prefix of the commits, or lacks a write that was
 * acknowledged before the backup was requested.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { BackupRunner } from '@tony/mcp-server/store/backup/backup-runner'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'
import type { Store } from '@tony/mcp-server/store/store'
import { querySqlite } from '../tests/support/query.ts'
import { SeededFolder } from '../tests/support/scale/folder.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    backups: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})

let written = 0

/**
 * Number of acknowledged writes. Writes commit in the order of their start, so these are the first.
 */
let acknowledged = 0

async function write(store: Store, project: string): Promise<void> {
  written += 1
  const id = `write ${written}`
  await store.transact({ project }, async (tx) => {
    await tx.db.insert(tx.t.bodies).values({ id, payload: 'x'.repeat(500) })
    tx.append({ type: 'task.updated', subject: id, actor: null, data: { n: written } })
  })
  acknowledged += 1
}

/** Writes at the rate until `done` settles. Returns the latencies in milliseconds. */
async function writeSteadily(store: Store, project: string, done: Promise<unknown>): Promise<number[]> {
  const latencies: number[] = []
  const pending: Promise<void>[] = []
  const start = performance.now()
  let running = true
  const stop = () => {
    running = false
  }
  done.then(stop, stop)
  for (let issued = 0; running; ) {
    for (; issued < ((performance.now() - start) / 1_000) * Number(values.rate); issued += 1) {
      const due = start + (issued / Number(values.rate)) * 1_000
      pending.push(write(store, project).then(() => void latencies.push(performance.now() - due)))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  return latencies
}

const summary = (latencies: readonly number[]) => {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10
  return { writes: sorted.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(0.999999) }
}

interface BackupContent {
  readonly writes: number
  readonly last: number
  readonly events: number
}

/**
 * Throws unless the backup has a prefix of the writes, each with its event, and every write that
 * was acknowledged before.
 */
function requirePrefix(path: string, before: number): void {
  const [content] = querySqlite<BackupContent>(
    path,
    `select count(*) as writes, coalesce(max(cast(substr(id, 7) as integer)), 0) as last,
       (select count(*) from event_log where subject like 'write %') as events from bodies where id like 'write %'`,
    [],
  )
  if (!content || content.writes !== content.last || content.events !== content.writes || content.writes < before)
    throw new Error(`${path} is no prefix with ${before} writes: ${JSON.stringify(content)}`)
}

const scale = Number(values.rows)
using seeded = await SeededFolder.of({ tasks: scale, messages: scale, events: scale, ineligible: 0.5 }, systemClock)
// On the disk: in memory there is no fsync, which is most of the cost.
const folder = mkdtempSync(join(tmpdir(), 'tony-bench-'))
const file = join(folder, 'bench.db')
copyFileSync(seeded.file, file)
const store = await openSqlite({ file, durability: 'disk', clock: systemClock })
const [project] = await store.read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects))
if (!project) throw new Error('the store has no project')
const latenciesWithout = await writeSteadily(
  store,
  project.id,
  new Promise((end) => setTimeout(end, Number(values.seconds) * 1_000)),
)
const backups = new BackupRunner(() => ({
  file,
  folder: join(folder, 'backups'),
  at: systemClock.wall(),
}))
let bytes = 0
let longestMs = 0
const finished: { readonly path: string; readonly before: number }[] = []
async function backUp(): Promise<void> {
  for (let index = 0; index < Number(values.backups); index += 1) {
    const start = performance.now()
    const before = acknowledged
    const { path, manifest } = await backups.run()
    longestMs = Math.max(longestMs, performance.now() - start)
    bytes = manifest.bytes
    finished.push({ path, before })
  }
}
const latenciesDuring = await writeSteadily(store, project.id, backUp())
await store[Symbol.asyncDispose]()
for (const { path, before } of finished) requirePrefix(path, before)
rmSync(folder, { recursive: true })
const outcome = {
  backup_mb: Math.round(bytes / 1_000_000),
  backup_ms: Math.round(longestMs),
  prefixes: finished.length,
  without: summary(latenciesWithout),
  during: summary(latenciesDuring),
}
if (values.json) process.stdout.write(`${JSON.stringify(outcome)}\n`)
else {
  for (const [when, { writes, p50_ms, p99_ms, max_ms }] of [
    ['without', outcome.without],
    ['during', outcome.during],
  ] as const) {
    process.stdout.write(
      `${when.padEnd(8)} ${writes} writes at ${values.rate}/s: p50 ${p50_ms} ms, p99 ${p99_ms} ms, longest ${max_ms} ms\n`,
    )
  }
  process.stdout.write(
    `${values.backups} backups of ${outcome.backup_mb} MB, the longest took ${outcome.backup_ms} ms; each is a prefix of the commits with all that was acknowledged before\n`,
  )
}
