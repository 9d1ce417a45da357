import { test } from 'vitest'
import { Child } from '../support/child.ts'
import { roundsOf } from '../support/rounds.ts'
import { expectNoLoss, shortestLeaseMs } from '../support/standstill.ts'
import { StoreFolder } from '../support/store.ts'

/** The standstill is five times as long as the leases if all rounds run. */
const standstillMs = roundsOf({ part: 7_000, full: 5 * shortestLeaseMs, variable: 'STANDSTILL_MS' })

test('a server that stood still for longer than its leases ends none of them, counts no failure and hands out no work twice', async () => {
  using folder = new StoreFolder()
  await using child = new Child('serve.ts', folder.file, '0')
  await expectNoLoss(await child.says('ready'), () => child.standStill(standstillMs))
})
