import fc from 'fast-check'
import { describe, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'
import { roundsOf } from '../support/rounds.ts'
import { checkTwice } from './explore.ts'
import { FamilyPlay, operations } from './families.operations.ts'
import { Site } from './world.ts'

const runs = roundsOf({ part: 40, full: 300, variable: 'MODEL_RUNS' })

/** PostgreSQL needs several times as long for a call. */
const engines = [
  ['SQLite', runs],
  ...(postgresServer === undefined ? [] : [['PostgreSQL', Math.ceil(runs / 5)] as const]),
] as const

describe.each(engines)('families of tasks on %s', (engine, count) => {
  test('wait, end and can be claimed by the rule of the contract, after any sequence of calls', async () => {
    await using database = engine === 'SQLite' ? undefined : await Database.create()
    await using site = await Site.open({}, database && { url: database.url })
    const property = fc.asyncProperty(operations, async (chosen) => {
      using world = await site.begin('pipeline', [{ name: 'ann', role: 'developer', capabilities: [] }])
      const play = new FamilyPlay(world)
      for (const operation of chosen) await play.run(operation)
      await play.finish()
    })
    await checkTwice(site, { what: `families on ${engine}`, property, runs: count })
  }, 1_200_000)
})
