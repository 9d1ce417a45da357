import fc from 'fast-check'
import type { Play } from './play.ts'
import type { Agent } from './state.ts'

/** One command that fast-check runs and shrinks. */
export interface Act {
  check: () => boolean
  run: (model: object, play: Play) => Promise<void>
  toString: () => string
}

/** Makes a command: `run` changes the server and the model, and then the two are compared. */
export const act = <T>(
  name: string,
  args: fc.Arbitrary<T>,
  run: (play: Play, args: T) => Promise<unknown>,
): fc.Arbitrary<Act> =>
  args.map((given) => ({
    check: () => true,
    run: async (_, play) => {
      await play.turn()
      await run(play, given)
      await play.agree(name)
    },
    toString: () => `${name}(${fc.stringify(given)})`,
  }))

/** Returns an element of a list by a number that is valid for every length. */
export const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % from.length]

export const number = fc.nat(60)

/** Returns undefined in all but one of `oneIn` cases. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>, oneIn = 6): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

/** An idempotency key out of a few, so that some are repeated. */
export const key = seldom(fc.constantFrom('k1', 'k2'), 5)

/** Combines commands. The weight is the relative frequency of each. */
export const weighted = (...commands: readonly (readonly [weight: number, command: fc.Arbitrary<Act>])[]) =>
  commands.flatMap(([weight, command]) => Array.from({ length: weight }, () => command))

export function agentOf(play: Play, index: number): Agent {
  const agent = pick(play.state.agents, index)
  if (!agent) throw new Error('no agents')
  return agent
}

/** Removes undefined values, which do not exist on the wire. */
export const given = <T extends object>(input: T): object => JSON.parse(JSON.stringify(input))
