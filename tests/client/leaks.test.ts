import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'

interface Report {
  readonly measured: readonly { readonly heap: number; readonly handles: readonly string[] }[]
  readonly listeners: number
  readonly connections: number
}

const count = (names: readonly string[] | undefined, kind: RegExp): number =>
  names?.filter((name) => kind.test(name)).length ?? 0

const rounds = roundsOf({ part: 200, full: 1_000, variable: 'ROUNDS' })

test.each(['socket', 'http'])(
  `${rounds} lost connections leave no memory, timer, socket or listener behind, and the process ends: %s`,
  async (calls) => {
    await using server = await TestServer.start()
    await using child = new Child('reconnecting.ts', server.url, calls, String(rounds))
    const { measured, listeners, connections }: Report = JSON.parse(await child.says('held '))
    expect(await child.end()).toMatchObject({ code: 0, signal: null })
    expect(connections).toBeGreaterThan(0.9 * rounds)
    const [early, late] = measured
    expect(late?.heap).toBeLessThan((early?.heap ?? 0) + 3_000_000)
    // Some are of the connection that was lost just then; a leak has one for each round.
    for (const kind of [/Timeout/, /TCP/]) {
      expect(count(late?.handles, kind)).toBeLessThanOrEqual(count(early?.handles, kind) + rounds / 10)
    }
    // The one open subscription has one listener.
    expect(listeners).toBe(1)
  },
  180_000,
)
