import fc from 'fast-check'
import type { Play } from './play.ts'
import type { Agent } from './state.ts'

/** One command as fast-check runs and shrinks it. */
export interface Act {
  check: () => boolean
  run: (model: object, play: Play) => Promise<void>
  toString: () => string
}

/** A command: what `run` does with the server and the model, and then whether they agree. */
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

/** Any of a list, by a number that means something for every length. */
export const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % from.length]

export const number = fc.nat(60)

/** Absent, but for one time in so many. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>, oneIn = 6): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

/** A key of which there are few, so that some come again. */
export const key = seldom(fc.constantFrom('k1', 'k2'), 5)

/** So many of each: how often a command comes up. */
export const weighted = (...commands: readonly (readonly [weight: number, command: fc.Arbitrary<Act>])[]) =>
  commands.flatMap(([weight, command]) => Array.from({ length: weight }, () => command))

export function agentOf(play: Play, index: number): Agent {
  const agent = pick(play.state.agents, index)
  if (!agent) throw new Error('no agents')
  return agent
}

/** Without what is not there: on the wire nothing is undefined. */
export const given = <T extends object>(input: T): object => JSON.parse(JSON.stringify(input))
