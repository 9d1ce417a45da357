import { createHash } from 'node:crypto'

/** What goes wrong, and for which share of the tasks, or of the messages about them: real fleets are as unreliable. */
const rates = { crash: 0.05, outlive: 0.02, fail: 0.03, nak: 0.03, poison: 0.004 } as const

export type Trouble = keyof typeof rates

/** Which tasks, by the id they were imported with, go wrong how. */
export type Troubles = Readonly<Record<Trouble, readonly string[]>>

/** How long the work on a task takes, in milliseconds. */
const workMs = { least: 300, most: 2_000 }

/** A number in [0, 1) that is the same for the same words, whichever process asks. */
export function chance(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('|')).digest().readUInt32BE(0) / 2 ** 32
}

/**
 * Draws what goes wrong in a run from its seed: of each trouble its share of the tasks, and at least one, so that a small
 * plan meets them all. A task has one trouble with its work at the most, and one with the message about it.
 */
export function drawTroubles(seed: string, tasks: readonly string[]): Troubles {
  const drawn = (what: string) => tasks.toSorted((a, b) => chance(seed, what, a) - chance(seed, what, b))
  const work = drawn('work')
  const mail = drawn('mail')
  const take = (from: string[], rate: number) => from.splice(0, Math.max(1, Math.round(rate * tasks.length)))
  return {
    crash: take(work, rates.crash),
    outlive: take(work, rates.outlive),
    fail: take(work, rates.fail),
    nak: take(mail, rates.nak),
    poison: take(mail, rates.poison),
  }
}

export const workTime = (seed: string, task: string, attempt: number): number =>
  workMs.least + chance(seed, 'time', task, attempt) * (workMs.most - workMs.least)
