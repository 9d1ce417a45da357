/**
 * Measures the start of commands, interleaved: `npm run bench:start`. It prints the CPU time of the
 * help beside a bare Node, and the time of `dev` on a new database until its first line. With
 * `--base FOLDER`, another checkout that is installed and built, it prints the time from the start
 * of a server to its first line as well, for both, each with a store of its own of `--rows` tasks,
 * messages and events.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runNode } from './process-cpu.ts'
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

/** Starts a server, stops it when it is ready, and returns the time between, in milliseconds. */
async function readyMsOf(checkout: string, folder: string): Promise<number> {
  const env = { ...process.env, MCP_PORT: '0', DATABASE_PATH: join(folder, 'test.db'), LOG_LEVEL: 'error' }
  const from = performance.now()
  const child = spawn(process.execPath, [programIn(checkout), 'dev'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const ms = performance.now() - from
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  return ms
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
      for (const { checkout, store, times } of checkouts) times.push(await readyMsOf(checkout, store))
    const [before = Number.NaN, after = Number.NaN] = checkouts.map(({ times }) => median(times))
    console.log(
      `a server with ${values.rows} rows of each kind: ${before.toFixed(0)} ms before, ${after.toFixed(0)} ms now`,
    )
    console.log(`ratio ${(after / before).toFixed(2)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints the time to the first line of a server on a new database. */
async function measureNew(): Promise<void> {
  const times: number[] = []
  for (const _ of rounds) {
    const folder = mkdtempSync(join(tmpdir(), 'tony-start-'))
    times.push(await readyMsOf(root, folder))
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(`dev on a new database: ${median(times).toFixed(0)} ms until its first line`)
}

measureHelp()
await measureNew()
if (values.base !== undefined) await measureServers(values.base)
