import { createHash } from 'node:crypto'

/** What goes wrong, and for which share of the tasks, or of the messages about them: real fleets are as unreliable. */
const rates = { crash: 0.05, outlive: 0.02, fail: 0.03, nak: 0.03, poison: 0.004 } as const

/** What more happens with `--chaos`: to the work, to what the plan asks for, and by the operators. */
const chaosRates = {
  /** Asks before it goes on; answered by an operator. */
  ask: 0.04,
  /** Asks, and takes the default answer when nobody gave one. */
  askTimed: 0.02,
  /** Ends as failed at once; an operator gives it its attempts again. */
  giveUp: 0.03,
  /** Takes locks in the middle of the work. */
  lock: 0.06,
} as const

/** By what the plan asks for: these come on top of whatever goes wrong. */
const planRates = { locked: 0.2, verified: 0.12, cancelled: 0.02, topical: 0.1, shortLived: 0.03 } as const

export type Trouble = keyof typeof rates | keyof typeof chaosRates | keyof typeof planRates

/** Which tasks, by the id they were imported with, go wrong how. */
export type Troubles = Readonly<Record<Trouble, readonly string[]>>

/** How long the work on a task takes, in milliseconds. */
interface Pace {
  /** How long a task takes. All in milliseconds. */
  readonly workMs: { readonly least: number; readonly most: number }
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** Longer than a lease. */
  readonly hangMs: number
}

/**
 * How agents work. `brisk`: an agent that hangs is noticed within the demo. `steady`, where servers are killed on the way: a
 * hundred agents that think for seconds leave two cores room for the starts, and a lease outlives one.
 */
export const paces = {
  brisk: { workMs: { least: 300, most: 2_000 }, leaseMs: 5_000, heartbeatMs: 1_500, hangMs: 6_500 },
  steady: { workMs: { least: 3_000, most: 20_000 }, leaseMs: 15_000, heartbeatMs: 5_000, hangMs: 17_000 },
} as const satisfies Record<string, Pace>

export type PaceName = keyof typeof paces

/** A number in [0, 1) that is the same for the same words, whichever process asks. */
export function chance(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('|')).digest().readUInt32BE(0) / 2 ** 32
}

/** What a run is drawn for. */
export interface Drawing {
  readonly seed: string
  /** Every task that is to be done, by the id it was imported with. */
  readonly tasks: readonly string[]
  /** Those that no other waits for: one of these can be cancelled without holding the plan up for ever. */
  readonly leaves: readonly string[]
  readonly chaos: boolean
}

/**
 * Draws what goes wrong in a run from its seed: of each trouble its share of the tasks, and at least one, so that a small
 * plan meets them all. A task has one trouble with its work at the most, and one with the message about it.
 */
export function drawTroubles({ seed, tasks, leaves, chaos }: Drawing): Troubles {
  const drawn = (what: string, from = tasks) => from.toSorted((a, b) => chance(seed, what, a) - chance(seed, what, b))
  const work = drawn('work')
  const mail = drawn('mail')
  const take = (from: string[], rate: number) => from.splice(0, Math.max(1, Math.round(rate * tasks.length)))
  const chaotic = (from: string[], rate: number) => (chaos ? take(from, rate) : [])
  return {
    crash: take(work, rates.crash),
    outlive: take(work, rates.outlive),
    fail: take(work, rates.fail),
    nak: take(mail, rates.nak),
    poison: take(mail, rates.poison),
    ask: chaotic(work, chaosRates.ask),
    askTimed: chaotic(work, chaosRates.askTimed),
    giveUp: chaotic(work, chaosRates.giveUp),
    lock: chaotic(work, chaosRates.lock),
    topical: chaotic(mail, planRates.topical),
    shortLived: chaotic(mail, planRates.shortLived),
    locked: chaotic(drawn('locked'), planRates.locked),
    verified: chaotic(drawn('verified'), planRates.verified),
    cancelled: chaotic(drawn('cancelled', leaves), planRates.cancelled),
  }
}

/** Whether a task, by the id it was imported with, has a trouble. Looked up for each task and message: not in a list. */
export function troublesOf(troubles: Troubles): (trouble: Trouble, task: string) => boolean {
  const sets = new Map(Object.entries(troubles).map(([trouble, tasks]) => [trouble, new Set(tasks)]))
  return (trouble, task) => sets.get(trouble)?.has(task) ?? false
}

export const workTime = ({ workMs }: Pace, seed: string, task: string, attempt: number): number =>
  workMs.least + chance(seed, 'time', task, attempt) * (workMs.most - workMs.least)

/** So many tasks may use the pool of the demo at a time. */
export const poolSize = 3

/** Locks of a task: few names for many tasks, so that they get in each other's way. */
export function locksOf(seed: string, task: string): string[] {
  const drawn = chance(seed, 'which lock', task)
  const part = Math.floor(chance(seed, 'which part', task) * 4)
  if (drawn < 0.3) return [`port:${3_000 + part}`]
  if (drawn < 0.5) return [`file:src/${part}`]
  if (drawn < 0.75) return [`file:src/${part}/${Math.floor(drawn * 100) % 3}.ts`, 'pool:ci']
  return ['pool:ci']
}

/** The project of the calls that are made beside the plan. */
export const loadProject = 'load'

/** Epics for a plan that has none, so that there is one to pause. */
export const epicOf = (number: number): string => `part ${number % 6}`

/** The topics agents subscribe to, each one of them. */
export const topicOf = (number: number): string => `team ${number % 5}`
