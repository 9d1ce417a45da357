import { createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { StoreFolder } from '../support/store.ts'

/** The shortest possible lease. */
const leaseMs = 5_000

/** A nightly run stops the process for five leases. */
const standstillMs = Number(process.env['STANDSTILL_MS'] ?? 7_000)

test('a server that stood still for longer than its leases takes none of them away', async () => {
  using folder = new StoreFolder()
  await using child = new Child('serve.ts', folder.file, '0')
  const url = await child.says('ready')
  const lead = createClient({ url })
  const { token } = await lead.agents.register({ name: 'ada', type: 'implementation', role: 'developer' })
  const ada = createClient({ url, token })
  for (let index = 0; index < 10; index += 1) await lead.tasks.create({ type: 'code' })
  const { tasks } = await ada.tasks.claim({ limit: 10, leaseMs })
  await child.standStill(standstillMs)
  const leases = tasks.map(({ id, leaseToken }) => ({ taskId: id, leaseToken }))
  const { extended, lost } = await ada.agents.heartbeat({ leases })
  expect({ extended: extended.length, lost }).toEqual({ extended: 10, lost: [] })
  const { events } = await lead.events.list({ types: ['task.expired', 'task.failed'] })
  expect(events).toEqual([])
  ada.close()
  lead.close()
})
