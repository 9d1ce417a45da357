import { describe, test } from 'vitest'
import { postgresServer } from '../support/postgres.ts'
import { playKilledReplicas } from './killed-replicas.ts'

describe.skipIf(postgresServer === undefined)('on three replicas', () => {
  test('readers that restart get each of 100,000 events once, in order, over 20 kills', { timeout: 7_200_000 }, () =>
    playKilledReplicas({ kills: 20, batchesPerKill: 5, batch: 1_000, seed: 11, format: 'batch' }),
  )
})
