/**
 * Measures the import of a large plan: its time beside that of the same file's `JSON.parse` and one
 * transaction of bare inserts in the same run, the memory of both processes, and the claims of an
 * agent meanwhile. It fails if a bound is exceeded and the machine was not busy with other work.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createClient } from '@tony/mcp-client'
import Database from 'better-sqlite3'
import { freePort } from '../tests/support/free-port.ts'
import { cpuSecondsOf } from './processes.ts'

const { values } = parseArgs({
  options: {
    issues: { type: 'string', default: '20000' },
    edges: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
const issues = Number(values.issues)
const edgesPerIssue = Number(values.edges)
const program = fileURLToPath(new URL('../cli/dist/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tony-bench-import-'))

/** Writes issues of which each waits for others before it, and has a text of 400 characters. */
function writePlan(): string {
  const lines = Array.from({ length: issues }, (_, index) => {
    const id = `bench-${index}`
    const others = Array.from({ length: edgesPerIssue }, (__, edge) => index - 1 - edge * 7 - (index % 5))
    const dependencies = others
      .filter((other) => other >= 0)
      .map((other) => ({ issue_id: id, depends_on_id: `bench-${other}`, type: 'blocks' }))
    const description = `What to do in step ${index}. `.padEnd(400, 'lorem ipsum ')
    return JSON.stringify({
      ...{ id, title: `Step ${index}`, description, status: 'open', priority: index % 5, issue_type: 'task' },
      ...{ created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z', dependencies },
    })
  })
  const file = join(folder, 'issues.jsonl')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

/** The tables that the rows of an import refer to, and those in which it stores tasks. */
const givenTables = ['projects', 'agents', 'identifiers', 'routes']
const storedTables = ['tasks', 'task_dependencies']

type Row = Readonly<Record<string, unknown>>

/**
 * Returns the milliseconds of the least work of an importer: `JSON.parse` of each line, and one
 * transaction with the rows that the import has stored, in the same tables with their indexes and
 * triggers. It has no events, no staged rows, no checks and no connection, and syncs the disk once.
 */
function measureBareInserts(file: string, stored: string): { ms: number; cpuMs: number } {
  const source = new Database(stored, { readonly: true })
  const schema = source
    .prepare<[], { sql: string }>(
      `select sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type = 'trigger', type = 'index', rowid`,
    )
    .all()
  const readRows = (table: string) => source.prepare<[], Row>(`select * from ${table}`).all()
  const given = givenTables.map((table) => [table, readRows(table)] as const)
  const rows = storedTables.map((table) => [table, readRows(table)] as const)
  source.close()
  const database = new Database(join(folder, 'bare.db'))
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = full')
  database.pragma('foreign_keys = on')
  for (const { sql } of schema) database.exec(sql)
  const insertAll = database.transaction((of: readonly (readonly [string, readonly Row[]])[]) => {
    database.pragma('defer_foreign_keys = on')
    for (const [table, inserted] of of) {
      const columns = Object.keys(inserted[0] ?? {})
      if (columns.length === 0) continue
      const marks = columns.map(() => '?').join(', ')
      const insert = database.prepare(`insert or ignore into ${table} (${columns.join(', ')}) values (${marks})`)
      for (const row of inserted) insert.run(Object.values(row))
    }
  })
  insertAll(given)
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') JSON.parse(line)
  insertAll(rows)
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  database.close()
  return { ms, cpuMs: (user + system) / 1_000 }
}

const peakMegabytes = (pid: number): number => {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes ?? 0) / 1_024)
}

/** Reads the largest memory and the CPU time of a process until it ends. */
async function watch(child: ChildProcess): Promise<{ megabytes: number; cpuMs: number }> {
  const found = { megabytes: 0, cpuMs: 0 }
  const timer = setInterval(() => {
    if (child.pid === undefined || child.exitCode !== null) return
    found.megabytes = Math.max(found.megabytes, peakMegabytes(child.pid))
    found.cpuMs = Math.max(found.cpuMs, Math.round(cpuSecondsOf([child.pid]) * 1_000))
  }, 200)
  await once(child, 'exit')
  clearInterval(timer)
  return found
}

/** Creates and claims a task every 20 ms, and returns the milliseconds of the claims. */
async function claimUntil(url: string, done: () => boolean): Promise<number[]> {
  const lead = createClient({ url })
  const { token } = await lead.agents.register({ name: 'worker', type: 'implementation' })
  const worker = createClient({ url, token })
  const latencies: number[] = []
  while (!done()) {
    await lead.tasks.create({ type: 'probe', priority: 'critical', assignedTo: 'worker' })
    const startedAt = performance.now()
    const { tasks } = await worker.tasks.claim()
    latencies.push(performance.now() - startedAt)
    for (const { id: taskId, leaseToken } of tasks) await worker.tasks.complete({ taskId, leaseToken })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  for (const client of [lead, worker]) client.close()
  return latencies
}

const file = writePlan()
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const server = spawn(process.execPath, [program, 'dev'], {
  env: { ...process.env, MCP_PORT: String(port), DATABASE_PATH: join(folder, 'bench.db'), LOG_LEVEL: 'error' },
  stdio: ['ignore', 'ignore', 'inherit'],
})
const probe = createClient({ url })
await probe.system.info()
let hasEnded = false
const claims = claimUntil(url, () => hasEnded)
const serverCpu = cpuSecondsOf([server.pid ?? 0])
const startedAt = performance.now()
const importer = spawn(process.execPath, [program, 'import', file, '--url', url, '--json'], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const { megabytes: importerMegabytes, cpuMs: importerCpuMs } = await watch(importer)
const importMs = performance.now() - startedAt
const serverCpuMs = Math.round((cpuSecondsOf([server.pid ?? 0]) - serverCpu) * 1_000)
hasEnded = true
const latencies = (await claims).toSorted((a, b) => a - b)
const serverMegabytes = server.pid === undefined ? 0 : peakMegabytes(server.pid)
probe.close()
server.kill('SIGTERM')
await once(server, 'exit')
const bare = measureBareInserts(file, join(folder, 'bench.db'))
rmSync(folder, { recursive: true, force: true })

const outcome = {
  ...{ issues, edgesPerIssue, exitCode: importer.exitCode },
  ...{ importMs: Math.round(importMs), bareMs: Math.round(bare.ms), ratio: Math.round((importMs / bare.ms) * 10) / 10 },
  ...{ serverCpuMs, importerCpuMs, bareCpuMs: Math.round(bare.cpuMs) },
  cpuRatio: Math.round(((serverCpuMs + importerCpuMs) / bare.cpuMs) * 10) / 10,
  ...{ importerMegabytes, serverMegabytes, claims: latencies.length },
  claimP99Ms: Math.round(latencies[Math.floor((latencies.length - 1) * 0.99)] ?? Number.NaN),
}
const lines = Object.entries(outcome).map(([name, value]) => `${name.padEnd(18)} ${value}`)
process.stdout.write(values.json ? `${JSON.stringify(outcome)}\n` : `${lines.join('\n')}\n`)
const isWithin = outcome.ratio <= 5 && Math.max(importerMegabytes, serverMegabytes) <= 400 && outcome.claimP99Ms <= 50
if (outcome.exitCode !== 0 || !isWithin) process.exitCode = 1
