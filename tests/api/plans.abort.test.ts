import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'

test('an aborted plan leaves nothing, and the reply has the number of discarded rows', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({
    planId,
    tasks: [
      { externalId: 'a', type: 'code' },
      { externalId: 'b', type: 'code' },
    ],
  })
  expect(await lead.plans.abort({ planId })).toEqual({ planId, discarded: 2 })
  expect((await lead.tasks.list({})).tasks).toEqual([])
  const { events } = await lead.events.list({ types: ['plan.aborted'] })
  expect(events).toMatchObject([{ subject: planId, data: { name: 'plan', discarded: 2 } }])
  const status = { code: 'ILLEGAL_TRANSITION', message: expect.stringContaining('aborted') }
  expect(await refusal(lead.plans.commit({ planId }))).toMatchObject(status)
  expect(await refusal(lead.plans.add({ planId, tasks: [{ externalId: 'c', type: 'x' }] }))).toMatchObject(status)
})

test('a repeated abort has no further effect', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.abort({ planId })
  expect(await lead.plans.abort({ planId })).toEqual({ planId, discarded: 0 })
  expect((await lead.events.list({ types: ['plan.aborted'] })).events).toHaveLength(1)
})

test('a committed or unknown plan cannot be aborted, and a developer may not abort any', async () => {
  await using server = await TestServer.start()
  const [lead, worker] = [server.connect(), await server.agent('worker')]
  const { planId } = await lead.plans.begin({ name: 'plan' })
  expect(await refusal(worker.plans.abort({ planId }))).toMatchObject({ code: 'FORBIDDEN' })
  await lead.plans.commit({ planId })
  expect(await refusal(lead.plans.abort({ planId }))).toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  const absent = lead.plans.abort({ planId: '01900000-0000-7000-8000-000000000000' })
  expect(await refusal(absent)).toMatchObject({ code: 'NOT_FOUND' })
})
