/**
 * Measures the start of commands, interleaved: `npm run bench:start`. It prints the CPU time of the
 * help beside a bare Node, and the CPU time and the time of `dev` until its first line, on a new
 * database and on that of a run before, beside a bare Node that prints a line. With
 * `--base FOLDER`, another checkout that is installed and built, it prints the time from the start
 * of a server to its first line as well, for both, each with a store of its own of `--rows` tasks,
 * messages and events.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runNode } from './process-cpu.ts'
import { cpuSecondsOf } from './processes.ts'
import { median } from './statistics.ts'

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '7' },
  },
})

const root = fileURLToPath(new URL('..', import.meta.url))
const rounds = Array.from({ length: Number(values.rounds) }, (_, index) => index)
const programIn = (checkout: string): string => join(checkout, 'cli/dist/main.js')

function measureHelp(): void {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'bare node': ['-e', '0'],
    '--help': [programIn(root), '--help'],
    'tasks ls --help': [programIn(root), 'tasks', 'ls', '--help'],
    'top --help': [programIn(root), 'top', '--help'],
  }
  const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]))
  for (const _ of rounds) for (const [name, argv] of Object.entries(cases)) times.get(name)?.push(runNode(argv).cpuMs)
  const bare = median(times.get('bare node') ?? [])
  for (const [name, all] of times)
    console.log(`${name}: ${median(all).toFixed(0)} ms of CPU, ${(median(all) - bare).toFixed(0)} above a bare Node`)
}

/** Writes a store of a checkout with its own code, and returns its folder. */
function seed(checkout: string, folder: string): void {
  const rows = Number(values.rows)
  // No module by an option: a worker of the seed would inherit the option, and it is a file.
  const code = `
(async () => {
  const load = (path) => import(path).catch(() => undefined)
  const clock = (await load('@tony/mcp-server/platform/clock')) ?? (await load('@tony/mcp-server/clock'))
  const { SeededFolder } = await import('./tests/support/scale/folder.ts')
  const rows = { tasks: ${rows}, messages: ${rows}, events: ${rows}, ineligible: 0.5 }
  const seeded = await SeededFolder.of(rows, clock.systemClock)
  require('node:fs').cpSync(seeded.path, ${JSON.stringify(folder)}, { recursive: true })
  seeded[Symbol.dispose]()
})()`
  const options = { cwd: checkout, encoding: 'utf8', env: { ...process.env, TMPDIR: folder } } as const
  const argv = ['--conditions=tony-source', '-e', code]
  const { status, stderr } = spawnSync(process.execPath, argv, options)
  if (status !== 0) throw new Error(`the store of ${checkout} cannot be written: ${stderr}`)
}

const envOf = (database: string) => ({
  ...process.env,
  MCP_PORT: '0',
  DATABASE_PATH: database,
  LOG_LEVEL: 'error',
})

/** The start of a program until its first line, in milliseconds. */
interface FirstLine {
  readonly ms: number
  /** CPU time of the process. */
  readonly cpuMs: number
}

interface Start {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** Starts a program of Node and stops it after its first line. */
async function firstLineOf({ argv, env }: Start): Promise<FirstLine> {
  const from = performance.now()
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  const line = { ms: performance.now() - from, cpuMs: 1_000 * cpuSecondsOf([child.pid ?? 0]) }
  child.kill('SIGTERM')
  await ended
  return line
}

async function measureServers(base: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-start-'))
  try {
    const checkouts = [resolve(base), root].map((checkout, index) => ({
      checkout,
      store: mkdtempSync(join(folder, `${index}-`)),
      times: [] as number[],
    }))
    for (const { checkout, store } of checkouts) seed(checkout, store)
    for (const _ of rounds)
      for (const { checkout, store, times } of checkouts)
        times.push((await firstLineOf({ argv: [programIn(checkout), 'dev'], env: envOf(join(store, 'test.db')) })).ms)
    const [before = Number.NaN, after = Number.NaN] = checkouts.map(({ times }) => median(times))
    console.log(
      `a server with ${values.rows} rows of each kind: ${before.toFixed(0)} ms before, ${after.toFixed(0)} ms now`,
    )
    console.log(`ratio ${(after / before).toFixed(2)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Prints the time to the first line of `dev`. The files of the program are in memory, because a
 * start comes before the first round.
 */
async function measureDev(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-start-'))
  const dev = (database: string) => ({ argv: [programIn(root), 'dev'], env: envOf(join(folder, database)) })
  // It runs until it is stopped, so that its CPU time can be read.
  const bare = { argv: ['-e', "console.log('ready'); setInterval(() => undefined, 1_000)"], env: process.env }
  try {
    await firstLineOf(dev('old.db'))
    const results = new Map<string, FirstLine[]>()
    for (const round of rounds) {
      const cases = {
        'a bare Node': bare,
        'dev, its database exists': dev('old.db'),
        'dev, a new database': dev(`${round}.db`),
      }
      for (const [name, start] of Object.entries(cases))
        results.set(name, [...(results.get(name) ?? []), await firstLineOf(start)])
    }
    for (const [name, lines] of results) {
      const [cpu, wall] = [median(lines.map(({ cpuMs }) => cpuMs)), median(lines.map(({ ms }) => ms))]
      console.log(`${name}: ${cpu.toFixed(0)} ms of CPU and ${wall.toFixed(0)} ms until its first line`)
    }
    console.log(`load average ${loadavg()[0]?.toFixed(1)}, ${availableParallelism()} cores`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

measureHelp()
await measureDev()
if (values.base !== undefined) await measureServers(values.base)
