import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { errorControls, powerFaults, showErrorFault, showPowerFault } from '../tests/support/power/controls.ts'
import { chooseErrors, type ErrorRun, runWithError } from '../tests/support/power/io-errors.ts'
import { cutPower } from '../tests/support/power/power-cuts.ts'
import { canRecord } from '../tests/support/power/recorder.ts'

const usage = `npm run power-loss -- [--images 2000] [--errors 200] [--at-once 4] [--seed 1] [--no-controls]

Records runs of the server, judges images of power cuts in them, and repeats a run with an I/O error
in another call each time. --images 0 and --errors 0 leave out one of the two. --at-once is the number
of runs with an I/O error at the same time.
`

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '2000' },
    errors: { type: 'string', default: '200' },
    'at-once': { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    'no-controls': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

// The servers and the judge start from the sources, which takes half of the CPU with a cache.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/tony-tests', import.meta.url))

/** Images of one recorded run. */
const imagesPerRun = 400

const print = (...cells: readonly (string | number)[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`)
const printHeading = (...cells: readonly string[]): void => {
  print(...cells)
  print(...cells.map(() => '---'))
}

function reportFailures(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`\n  ${line}\n`)
  process.exitCode = 1
}

async function judgePowerCuts(images: number, firstSeed: number): Promise<void> {
  printHeading('run', 'operations', 'images', 'distinct', 'lost', 'corrupt', 'backups not synced', 'time')
  const total = { operations: 0, images: 0, distinct: 0, lost: 0, corrupt: 0, unsynced: 0 }
  const wrong: string[] = []
  const start = performance.now()
  for (let seed = firstSeed; total.images < images; seed += 1) {
    const since = performance.now()
    const cut = await cutPower({ tasks: 100, images: Math.min(imagesPerRun, images - total.images), seed })
    const operations = cut.recording.operations.length
    print(
      `seed ${seed}`,
      operations,
      cut.images,
      cut.distinct,
      cut.lost,
      cut.corrupt,
      cut.unsynced.length,
      formatSeconds(since),
    )
    wrong.push(...cut.failures, ...cut.unsynced)
    total.operations += operations
    total.unsynced += cut.unsynced.length
    for (const key of ['images', 'distinct', 'lost', 'corrupt'] as const) total[key] += cut[key]
  }
  const { operations, distinct, lost, corrupt, unsynced } = total
  print('**all**', operations, total.images, distinct, lost, corrupt, unsynced, formatSeconds(start))
  if (wrong.length > 0) reportFailures(wrong)
}

const formatSeconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(0)} s`

/**
 * Runs with each error, several at the same time: a run mostly waits for its processes. A line on
 * standard error after each run says how far it is.
 */
async function runErrors(errors: readonly string[], atOnce: number): Promise<readonly ErrorRun[]> {
  const start = performance.now()
  const runs: ErrorRun[] = []
  const waiting = errors.values()
  const runNext = async () => {
    for (const error of waiting) {
      const since = performance.now()
      const run = await runWithError(error)
      runs.push(run)
      const [done, all] = [runs.length, errors.length]
      const leftMinutes = Math.ceil((((performance.now() - start) / done) * (all - done)) / 60_000)
      const result = run.problems[0] ?? (run.reached ? 'as it must' : 'not reached')
      process.stderr.write(
        `${done} of ${all}: ${error}, ${formatSeconds(since)}: ${result}; about ${leftMinutes} min left\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, runNext))
  return runs
}

async function judgeErrors(count: number, atOnce: number): Promise<void> {
  printHeading('call', 'errors', 'reached', 'images', 'runs with a problem')
  const runs = await runErrors(await chooseErrors(count), atOnce)
  for (const call of ['sync', 'write', 'read']) {
    const own = runs.filter(({ error }) => error.startsWith(call))
    const images = own.reduce((sum, run) => sum + run.images, 0)
    const reached = own.filter((run) => run.reached).length
    print(call, own.length, reached, images, own.filter(({ problems }) => problems.length > 0).length)
  }
  const wrong = runs.flatMap(({ error, problems }) => problems.map((problem) => `${error}: ${problem}`))
  if (wrong.length > 0) reportFailures(wrong)
}

async function judgeControls(): Promise<void> {
  printHeading('planted fault', 'noticed')
  const shown = async (name: string, found: readonly string[]) => {
    print(name, found[0]?.slice(0, 120).replaceAll('\n', ' ') ?? '**no**')
    if (found.length === 0) reportFailures([`nothing shows: ${name}`])
  }
  for (const fault of powerFaults) await shown(fault.name, await showPowerFault(fault))
  for (const control of errorControls) await shown(control.fault.name, await showErrorFault(control))
}

if (values.help) process.stdout.write(usage)
else if (canRecord()) {
  const [images, errors] = [Number(values.images), Number(values.errors)]
  if (images > 0) await judgePowerCuts(images, Number(values.seed))
  process.stdout.write('\n')
  if (errors > 0) await judgeErrors(errors, Number(values['at-once']))
  process.stdout.write('\n')
  if (!values['no-controls']) await judgeControls()
}
