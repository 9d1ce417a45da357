/**
 * Measures this build beside another one: `npm run bench:beside -- --base ../other-checkout`. The
 * other checkout is installed and built. This bench measures both, each with its own client. Runs
 * of both alternate, so that other load on the machine affects both, and the result is a ratio.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { sizes, worksOf } from './cells.ts'
import { type Cell, endCleanly, measure, type Run } from './measure.ts'
import { median, spread } from './statistics.ts'
import {
  distanceMs,
  type System,
  tony,
  tonyAt,
  tonyOnDistantPostgres,
  tonyOnPostgres,
  tonyOnPostgresAt,
} from './systems/systems.ts'

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: 'W' },
    json: { type: 'boolean', default: false },
  },
})
if (values.base === undefined) {
  process.stderr.write('npm run bench:beside -- --base FOLDER of another checkout, installed and built\n')
  process.exit(2)
}

const base = resolve(values.base)
const bases = new Map<System, System>([
  [tony, tonyAt('base', base)],
  [tonyOnPostgres, tonyOnPostgresAt('base', base, 0)],
  [tonyOnDistantPostgres, tonyOnPostgresAt('base', base, distanceMs)],
])

type Build = 'base' | 'here'

const nameOf = ({ work, form }: { work: string; form: string }): string => (form ? `${work}, ${form}` : work)

/** The works of this product, without the peers. */
const cells = worksOf(Number(values.scale)).flatMap(({ name, entries }) =>
  entries
    .filter(({ system }) => bases.has(system) && values.only.split(',').some((part) => name.startsWith(part)))
    .map((entry): Cell => ({ ...entry, work: name, warmUp: Math.ceil(entry.n / 5_000) * 500, sizes })),
)

const runs: Record<Build, Run[]> = { base: [], here: [] }
endCleanly()
for (let round = 0; round < Number(values.rounds); round += 1) {
  const order: readonly Build[] = round % 2 === 0 ? ['base', 'here'] : ['here', 'base']
  for (const cell of cells) {
    for (const build of order) {
      const system = build === 'here' ? cell.system : (bases.get(cell.system) ?? cell.system)
      runs[build].push(await measure({ ...cell, system }))
    }
  }
}

const columns = [
  'server_us',
  'base_us',
  'server_ratio',
  'spread',
  'client_ratio',
  'rate_ratio',
  'disk_b',
  'disk_ratio',
  'others',
] as const
const line = (cellsOfLine: readonly unknown[]) =>
  `${cellsOfLine.map((cell, index) => String(cell).padEnd(index === 0 ? 46 : 14)).join('')}\n`
const hundredths = (value: number): number => Math.round(value * 100) / 100

if (!values.json) process.stdout.write(line(['work', ...columns]))
for (const cell of cells) {
  const valuesOf = (build: Build, name: 'serverUs' | 'clientUs' | 'perSecond' | 'diskBytes' | 'others') =>
    runs[build].filter((run) => nameOf(run) === nameOf(cell)).map((run) => run[name] ?? 0)
  const ratioOf = (name: 'serverUs' | 'clientUs' | 'perSecond' | 'diskBytes') =>
    hundredths(median(valuesOf('here', name)) / median(valuesOf('base', name)))
  const own = valuesOf('here', 'serverUs')
  const row = {
    server_us: hundredths(median(own)),
    base_us: hundredths(median(valuesOf('base', 'serverUs'))),
    server_ratio: ratioOf('serverUs'),
    /** The widest run of this build by its narrowest. */
    spread: hundredths(spread(own)),
    client_ratio: ratioOf('clientUs'),
    rate_ratio: ratioOf('perSecond'),
    disk_b: Math.round(median(valuesOf('here', 'diskBytes'))),
    disk_ratio: ratioOf('diskBytes'),
    /** Share of the machine that other processes used, at most. */
    others: hundredths(Math.max(...valuesOf('here', 'others'), ...valuesOf('base', 'others'))),
  }
  const text = values.json ? `${JSON.stringify({ work: nameOf(cell), ...row })}\n` : undefined
  process.stdout.write(text ?? line([nameOf(cell), ...columns.map((column) => row[column])]))
}
