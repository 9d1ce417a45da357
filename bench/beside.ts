/**
 * Measures this build beside another one: `npm run bench:beside -- --base ../other-checkout`. The
 * other checkout is installed and built. Runs of both alternate, so that other load on the machine
 * affects both, and the result is a ratio.
 */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from './statistics.ts'

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    work: { type: 'string', default: 'W' },
    json: { type: 'boolean', default: false },
  },
})
if (values.base === undefined) {
  process.stderr.write('npm run bench:beside -- --base FOLDER of another checkout, installed and built\n')
  process.exit(2)
}

interface BenchRow {
  readonly work: string
  readonly per_s: number
  readonly p99_ms: number
  readonly server_us_per_op: number
  readonly client_us_per_op: number
}

const builds = { base: resolve(values.base), here: fileURLToPath(new URL('..', import.meta.url)) } as const
type Build = keyof typeof builds

function measure(build: Build): BenchRow[] {
  const args = [join(builds[build], 'bench/main.ts'), '--json', '--scale', values.scale, '--work', values.work]
  const text = execFileSync(process.execPath, args, { cwd: builds[build], encoding: 'utf8' })
  return text
    .trim()
    .split('\n')
    .map((line): BenchRow => JSON.parse(line))
}

const rows: Readonly<Record<Build, BenchRow[]>> = { base: [], here: [] }
for (let round = 0; round < Number(values.rounds); round += 1) {
  const order: readonly Build[] = round % 2 === 0 ? ['base', 'here'] : ['here', 'base']
  for (const build of order) rows[build].push(...measure(build))
}

const columns = [
  'work',
  'server_us',
  'base_us',
  'server_ratio',
  'spread',
  'client_ratio',
  'rate_ratio',
  'p99_ratio',
] as const
const line = (cells: readonly unknown[]) => `${cells.map((cell) => String(cell).padEnd(17)).join('')}\n`
const hundredths = (value: number): number => Math.round(value * 100) / 100

if (!values.json) process.stdout.write(line(columns))
for (const work of new Set(rows.here.map((row) => row.work))) {
  const valuesOf = (build: Build, name: Exclude<keyof BenchRow, 'work'>) =>
    rows[build].filter((row) => row.work === work).map((row) => row[name])
  const ratioOf = (name: Exclude<keyof BenchRow, 'work'>) =>
    hundredths(median(valuesOf('here', name)) / median(valuesOf('base', name)))
  const own = valuesOf('here', 'server_us_per_op')
  const row = {
    work,
    server_us: median(own),
    base_us: median(valuesOf('base', 'server_us_per_op')),
    server_ratio: ratioOf('server_us_per_op'),
    /** The widest run of this build by its narrowest. */
    spread: hundredths(Math.max(...own) / Math.min(...own)),
    client_ratio: ratioOf('client_us_per_op'),
    rate_ratio: ratioOf('per_s'),
    p99_ratio: ratioOf('p99_ms'),
  }
  process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : line(columns.map((column) => row[column])))
}
