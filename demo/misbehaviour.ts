import { createHash } from 'node:crypto'

/**
 * Kinds of misbehaviour and their shares of the tasks, or of the messages about them. Real fleets
 * are as unreliable.
 */
const rates = { crash: 0.05, outlive: 0.02, fail: 0.03, nak: 0.03, poison: 0.004 } as const

/** Shares of the tasks whose worker behaves unusually in a run with `--chaos`. */
const chaosRates = {
  /** Requests input; an operator answers. */
  ask: 0.04,
  /** Requests input and takes the default answer at the deadline. */
  askTimed: 0.02,
  /** Ends as failed at once; an operator retries the task. */
  giveUp: 0.03,
  /** Takes further locks during the work. */
  lock: 0.06,
} as const

/** Shares of the tasks with special settings in the plan, in addition to the misbehaviour. */
const planRates = { locked: 0.2, verified: 0.12, cancelled: 0.02, topical: 0.1, shortLived: 0.03 } as const

export type Trouble = keyof typeof rates | keyof typeof chaosRates | keyof typeof planRates

/** The tasks with each trouble, by the id they were imported with. */
export type Troubles = Readonly<Record<Trouble, readonly string[]>>

/** The times of an agent's work, in milliseconds. */
interface Pace {
  /** Range of the duration of a task. */
  readonly workMs: { readonly min: number; readonly max: number }
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** Duration of a hang, longer than a lease. */
  readonly hangMs: number
}

/**
 * The paces of agents. With `brisk`, a hanging agent is noticed within the demo. `steady` is for
 * runs with killed servers: a hundred agents that work for seconds leave time on two cores for
 * restarts, and a lease outlives a restart.
 */
export const paces = {
  brisk: { workMs: { min: 300, max: 2_000 }, leaseMs: 5_000, heartbeatMs: 1_500, hangMs: 6_500 },
  steady: { workMs: { min: 3_000, max: 20_000 }, leaseMs: 15_000, heartbeatMs: 5_000, hangMs: 17_000 },
} as const satisfies Record<string, Pace>

export type PaceName = keyof typeof paces

/**
 * Returns a number in [0, 1) that depends on the words alone, so that every process gets the same.
 */
export function chance(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('|')).digest().readUInt32BE(0) / 2 ** 32
}

/** The input for the draw of a run's troubles. */
export interface DrawParams {
  readonly seed: string
  /** Every task to be done, by the id it was imported with. */
  readonly tasks: readonly string[]
  /** The tasks without a dependent. One of these can be cancelled without blocking the plan. */
  readonly leaves: readonly string[]
  readonly chaos: boolean
}

/**
 * Draws the troubles of a run from its seed. Each trouble gets its share of the tasks and at least
 * one, so that a small plan meets them all. A task has at most one trouble with its work and one
 * with the message about it.
 */
export function drawTroubles({ seed, tasks, leaves, chaos }: DrawParams): Troubles {
  const shuffle = (word: string, from = tasks) => from.toSorted((a, b) => chance(seed, word, a) - chance(seed, word, b))
  const work = shuffle('work')
  const messages = shuffle('messages')
  const take = (from: string[], rate: number) => from.splice(0, Math.max(1, Math.round(rate * tasks.length)))
  const takeWithChaos = (from: string[], rate: number) => (chaos ? take(from, rate) : [])
  return {
    crash: take(work, rates.crash),
    outlive: take(work, rates.outlive),
    fail: take(work, rates.fail),
    nak: take(messages, rates.nak),
    poison: take(messages, rates.poison),
    ask: takeWithChaos(work, chaosRates.ask),
    askTimed: takeWithChaos(work, chaosRates.askTimed),
    giveUp: takeWithChaos(work, chaosRates.giveUp),
    lock: takeWithChaos(work, chaosRates.lock),
    topical: takeWithChaos(messages, planRates.topical),
    shortLived: takeWithChaos(messages, planRates.shortLived),
    locked: takeWithChaos(shuffle('locked'), planRates.locked),
    verified: takeWithChaos(shuffle('verified'), planRates.verified),
    cancelled: takeWithChaos(shuffle('cancelled', leaves), planRates.cancelled),
  }
}

/**
 * Returns a function that is true if a task has a trouble, by the id it was imported with. It uses
 * sets, because it runs for each task and each message.
 */
export function troublesOf(troubles: Troubles): (trouble: Trouble, task: string) => boolean {
  const sets = new Map(Object.entries(troubles).map(([trouble, tasks]) => [trouble, new Set(tasks)]))
  return (trouble, task) => sets.get(trouble)?.has(task) ?? false
}

export const workMsOf = ({ workMs }: Pace, seed: string, task: string, attempt: number): number =>
  workMs.min + chance(seed, 'time', task, attempt) * (workMs.max - workMs.min)

/** Number of tasks that may use the lock pool of the demo at a time. */
export const poolSize = 3

/** Returns the locks of a task. There are few names for many tasks, so that tasks conflict. */
export function locksOf(seed: string, task: string): string[] {
  const drawn = chance(seed, 'which lock', task)
  const part = Math.floor(chance(seed, 'which part', task) * 4)
  if (drawn < 0.3) return [`port:${3_000 + part}`]
  if (drawn < 0.5) return [`file:src/${part}`]
  if (drawn < 0.75) return [`file:src/${part}/${Math.floor(drawn * 100) % 3}.ts`, 'pool:ci']
  return ['pool:ci']
}

/** The project of the calls beside the plan. */
export const loadProject = 'load'

/** Returns an epic for a plan that has none, so that there is one to pause. */
export const epicOf = (number: number): string => `part ${number % 6}`

/** Returns a topic. Each agent subscribes to one of them. */
export const topicOf = (number: number): string => `team ${number % 5}`
