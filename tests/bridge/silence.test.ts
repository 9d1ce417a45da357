import { expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import { beats, bridgedHost, delivered } from './hosts.ts'

test('a task whose model is silent for 25 minutes completes at its first attempt', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  await using host = await bridgedHost(server)
  await host.takes()
  await beats(server, id, 150)
  await host.did('complete', { taskId: id, result: 'long, but done' })
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'completed', attempt: 1, failures: 0 })
  expect(host.calls).toEqual(['next_task', 'complete'])
})

test('eight idle hours are one call of the model and one wait at the server, which then returns the task', async () => {
  // The clock jumps, so no ping could be answered in time.
  await using server = await TestServer.start({ limits: { pingMs: 86_400_000 } })
  const lead = server.connect()
  await using host = await bridgedHost(server, { TONY_MCP_MAX_WAIT: '12h' })
  const waiting = host.call('next_task', { waitSeconds: 43_200 })
  for (let minute = 0; minute < 480; minute += 1) {
    await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
    await server.advance(60_000)
  }
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
  expect(host.calls).toEqual(['next_task'])
  const { id } = await lead.tasks.create({ type: 'code' })
  expect((await waiting).data).toMatchObject({ task: { taskId: id, attempt: 1 } })
})

test.skipIf(onPostgres)('a wait ends before the time limit of the host for a tool, and can be continued', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server, { TONY_MCP_MAX_WAIT: '30s' })
  const first = host.call('next_task', { waitSeconds: 600 })
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
  await server.advance(30_000)
  expect((await first).data).toMatchObject({ task: null })
  const second = host.takes()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect(await second).toBe(id)
})

test('a task for which the host no longer waits is released without a failure', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server)
  const gone = new AbortController()
  const call = host.call('next_task', {}, gone.signal)
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(1)
  gone.abort()
  await expect(call).rejects.toThrow()
  await expect.poll(() => server.parts.waiters.claims.waitingCount, { interval: 1 }).toBe(0)
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect(await host.takes()).toBe(id)
})

test('a message for which a host no longer waits is kept for its next call', async () => {
  await using server = await TestServer.start()
  const peer = await server.agent('peer')
  await using host = await bridgedHost(server)
  const { agentId } = await host.did('join')
  await peer.messages.send({ to: String(agentId), type: 'note', payload: 'hello' })
  await delivered(server, 1)
  const shown: string[] = []
  const renderer = {
    prepare: () => Promise.resolve(),
    show: ({ id }: { readonly id: string }) => {
      shown.push(id)
      return 'whole' as const
    },
    payloadBytes: undefined,
  }
  const wait = { waitMs: 0, signal: AbortSignal.abort() }
  await host.bridge.hostSession.showMessages({ upTo: 'digest', limit: 10, wait }, renderer)
  expect(shown).toEqual([])
  const { messages } = await host.did('inbox')
  expect(messages).toHaveLength(1)
})

test('a model that has forgotten its task gets it again', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  await using host = await bridgedHost(server)
  const taskId = await host.takes()
  expect(await host.takes()).toBe(taskId)
  expect(await host.takes({ another: true })).not.toBe(taskId)
})

test('the next call of the model after a cancel reports it, for any tool', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  await using host = await bridgedHost(server)
  const taskId = await host.takes()
  // The session follows the feed by now. The clock stands still, so the change cannot come from a
  // heartbeat.
  await host.call('who')
  await lead.tasks.cancel({ taskId })
  const told = async () => (await host.call('who')).text
  await expect.poll(told, { interval: 5 }).toContain(`Task ${taskId} is no longer yours: it was cancelled`)
  const late = await host.call('complete', { taskId, result: 'x' })
  expect(late).toMatchObject({ ok: false, text: expect.stringMatching(/^STALE_LEASE: .*stop working on it/s) })
})
