/**
 * True if all rounds run. A long test runs a part of its rounds in `npm test`, and all of them in
 * the tier that lists it in `tests/tiers.ts`.
 */
const isFull = process.env['TONY_TEST_ROUNDS'] === 'full'

interface Rounds {
  readonly part: number
  readonly full: number
  /** The environment variable that sets another number. */
  readonly variable: string
}

export const roundsOf = ({ part, full, variable }: Rounds): number =>
  Number(process.env[variable] ?? (isFull ? full : part))
