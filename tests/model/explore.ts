import fc from 'fast-check'
import type { Act } from './acts.ts'
import { documentedData } from './documented.ts'
import { type Part, Play } from './play.ts'
import type { Registration, Site, Way } from './world.ts'

/** The agents of a run: two developers, a tester who verifies, a tech lead and an observer. */
const cast: readonly Registration[] = [
  { name: 'ann', role: 'developer', capabilities: ['a'] },
  { name: 'bob', role: 'developer', capabilities: ['a', 'b'] },
  { name: 'tes', role: 'tester', capabilities: [] },
  { name: 'tim', role: 'tech-lead', capabilities: ['b'] },
  { name: 'obi', role: 'observer', capabilities: ['a', 'b'] },
]

/** The settings of the runs. The message of a failed run names the settings that repeat it. */
const setting = {
  seed: process.env['MODEL_SEED'],
  path: process.env['MODEL_PATH'],
  replay: process.env['MODEL_REPLAY'],
} as const

export interface Exploration {
  readonly what: string
  readonly commands: readonly fc.Arbitrary<Act>[]
  readonly parts: readonly Part[]
  readonly runs: number
  readonly maxCommands?: number
  /**
   * `lot` is a number below 30 that is drawn for each run. It decides optional parts of a run, so
   * that the run can be repeated.
   */
  readonly begin?: (play: Play, lot: number) => Promise<void>
  readonly end?: (play: Play) => Promise<void>
}

/** One run of ten is over sockets. */
const wayOf = (lot: number): Way => (lot % 10 === 9 ? 'client' : 'pipeline')

function propertyOf(site: Site, exploration: Exploration) {
  const { commands, parts, maxCommands = 60, begin, end } = exploration
  const documented = documentedData()
  const { replay } = setting
  const sequence = fc.commands([...commands], { maxCommands, size: 'max', ...(replay && { replayPath: replay }) })
  return fc.asyncProperty(fc.nat(29), sequence, async (lot, chosen) => {
    using world = await site.begin(wayOf(lot), cast)
    const play = await Play.begin(world, parts, documented)
    await begin?.(play, lot)
    await fc.asyncModelRun(() => ({ model: {}, real: play }), chosen)
    await end?.(play)
  })
}

/** Checks a property. The error of a failed run names the settings that repeat it. */
async function check<T>({ what, property, runs }: Checked<T>, seed: number): Promise<void> {
  const { path } = setting
  const result = await fc.check(property, {
    seed,
    numRuns: runs,
    unbiased: true,
    endOnFailure: process.env['MODEL_BAIL'] === '1',
    ...(path && { path }),
  })
  if (!result.failed) return
  const shown = fc.stringify(result.counterexample)
  const [, replayPath = ''] = /replayPath="([^"]*)"/.exec(shown) ?? []
  const again = `MODEL_SEED=${result.seed} MODEL_PATH=${result.counterexamplePath} MODEL_REPLAY=${replayPath}`
  throw new Error(`${what}: ${shown}\n${again}`, { cause: result.errorInstance })
}

/**
 * A call that is always refused would agree with any server, so each procedure must succeed often.
 */
function requireDepth({ tally }: Site, { what, runs }: Pick<Exploration, 'what' | 'runs'>): void {
  const counts = [...tally].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const shown = counts.map(([path, { ok, refused }]) => `${path} ${ok}+${refused}`)
  process.stdout.write(`${what}, done and refused: ${shown.join(', ')}\n`)
  const shallow = counts.filter(([, { ok }]) => ok < runs / 25).map(([path]) => path)
  if (shallow.length > 0) throw new Error(`${what}: hardly ever done: ${shallow.join(', ')}`)
}

/** A property and the number of its runs. */
interface Checked<T> {
  readonly what: string
  readonly property: fc.IAsyncProperty<T>
  readonly runs: number
}

/** Checks with a fixed seed and then with a random one. A failure names the seed. */
export async function checkTwice<T>(site: Site, checked: Checked<T>): Promise<void> {
  const { what, runs } = checked
  if (setting.seed !== undefined) return check(checked, Number(setting.seed))
  const fresh = Math.floor(Math.random() * 2 ** 31)
  process.stdout.write(`${what}: ${runs} runs with seed 1, ${Math.ceil(runs / 4)} with seed ${fresh}\n`)
  await check(checked, 1)
  requireDepth(site, checked)
  await check({ ...checked, runs: Math.ceil(runs / 4) }, fresh)
}

/** Explores with a fixed seed and then with a random one. */
export const exploreTwice = (site: Site, exploration: Exploration): Promise<void> =>
  checkTwice(site, { ...exploration, property: propertyOf(site, exploration) })
