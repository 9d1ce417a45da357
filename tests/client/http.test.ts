import { Agent, type CallRecord, type Client, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { refusal, TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { signal } from './agents.ts'

const overHttp = { calls: 'http', subscriptions: 'sse' } as const

const titles = async (client: Client) => (await client.tasks.list({})).tasks.map(({ title }) => title)

test('queries, mutations and refusals over HTTP equal those over the socket', async () => {
  await using server = await TestServer.start()
  const client = server.connect(overHttp)
  const created = await client.tasks.create({ type: 'code', title: '漢', metadata: { a: [1, null] } })
  expect(await server.connect().tasks.get({ taskId: created.id })).toEqual(created)
  expect(await client.tasks.get({ taskId: created.id })).toEqual(created)
  expect(await refusal(client.tasks.get({ taskId: 'absent' }))).toMatchObject({ code: 'NOT_FOUND', applied: 'no' })
  expect(await refusal(client.tasks.claim({}))).toMatchObject({ code: 'FORBIDDEN' })
})

test('a mutation over HTTP whose reply was lost is repeated with the same key and takes effect once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ ...overHttp, url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const calls = ['a', 'b', 'c'].map((title) => client.tasks.create({ type: 'code', title }))
  await lost
  hop.accept()
  hop.cut()
  const ids = (await Promise.all(calls)).map(({ id }) => id)
  expect((await server.connect().tasks.list({})).tasks.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
})

test('a call over HTTP that must not run twice is repeated only if it was never sent', async () => {
  await using server = await TestServer.start()
  const gone = await Hop.start(server.url)
  const { url } = gone
  await gone[Symbol.asyncDispose]()
  const early = server.connect({ ...overHttp, url })
  // The number of attempts before the deadline is random. The last one finds no server, or an open
  // circuit breaker.
  expect(await refusal(early.agents.unregister({}, { deadlineMs: 3_000 }))).toMatchObject({
    code: expect.stringMatching(/^(CONNECTION_LOST|CIRCUIT_OPEN|DEADLINE_EXCEEDED)$/),
    applied: 'no',
  })
  await using hop = await Hop.start(server.url)
  const client = server.connect({ ...overHttp, url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const register = refusal(client.agents.register({ name: 'w', type: 'qa', clientInstanceId: 'a secret of sixteen' }))
  await lost
  hop.accept()
  hop.cut()
  expect(await register).toMatchObject({ code: 'CONNECTION_LOST', applied: 'unknown' })
  expect((await client.agents.get({ agent: 'w' })).incarnation).toBe(1)
})

function stateOf() {
  const seen: string[] = []
  let wake: () => void = () => undefined
  return {
    seen,
    state: (name: string) => {
      seen.push(name)
      wake()
    },
    reached: async (name: string) => {
      while (!seen.includes(name)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

test('the connection state over HTTP follows the outcomes of the HTTP requests', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const { state, seen, reached } = stateOf()
  const client = server.connect({ ...overHttp, url: hop.url, onState: state })
  expect(client.connection.state).toBe('connecting')
  await client.system.info()
  expect(client.connection.state).toBe('open')
  hop.refuse()
  hop.cut()
  const call = client.system.info()
  await reached('connecting')
  hop.accept()
  await call
  client.close()
  expect(seen).toEqual(['open', 'connecting', 'open', 'closed'])
})

test('a blocking call over HTTP waits for work, and an aborted one leaves the queue', async () => {
  await using server = await TestServer.start()
  const { token, id: workerId } = await server.agent('worker')
  const worker = server.connect({ ...overHttp, token })
  const ending = new AbortController()
  const first = refusal(worker.tasks.claim({ waitMs: 60_000 }, { signal: ending.signal }))
  await worker.system.info()
  ending.abort()
  expect(await first).toMatchObject({ code: 'CONNECTION_LOST', applied: 'unknown' })
  const second = worker.tasks.claim({ waitMs: 60_000 })
  await worker.system.info()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await second).tasks).toMatchObject([{ id, claimedBy: workerId }])
})

test('an agent over HTTP works, and a lease whose reply was lost before its stop is free at once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  const agent = await Agent.register({ ...overHttp, url: server.url, name: 'worker', type: 'implementation' })
  const { told, tell } = signal()
  agent.work(() => tell())
  await told
  while ((await lead.tasks.get({ taskId: id })).status !== 'completed');
  const late = await lead.tasks.create({ type: 'code', requires: ['absent'] })
  await agent.client.agents.update({ capabilities: ['absent'] })
  await agent.stop()
  const after = await lead.tasks.get({ taskId: late.id })
  expect(after).toMatchObject({ status: 'pending', failures: 0 })
})

test('all clients of a process share at most 32 connections for calls that do not block', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const clients = Array.from({ length: 4 }, () => server.connect({ ...overHttp, url: hop.url }))
  const calls = clients.flatMap((client) => Array.from({ length: 100 }, () => client.system.info()))
  expect((await Promise.all(calls)).every(({ name }) => name === 'tony-mcp')).toBe(true)
  expect(hop.connections).toBeLessThanOrEqual(64)
})

test('a session over HTTP gets its next token when the server reports the end of its token', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key()
  const registered = await guarded.register(key)
  const session = { ...registered, expiresInMs: 86_400_000 }
  const client = guarded.server.connect({ ...overHttp, session })
  const { expiresAt } = await client.auth.whoami()
  guarded.server.clock.advance(700_000)
  expect((await client.auth.whoami()).expiresAt).not.toBe(expiresAt)
})

test('a revoked credential over HTTP closes the client', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key()
  const registered = await guarded.register(key)
  const client = guarded.server.connect({ ...overHttp, session: registered })
  await client.auth.whoami()
  await guarded.admin.auth.revoke({ agent: registered.agentId })
  expect(await refusal(client.auth.whoami())).toMatchObject({ code: 'TOKEN_REVOKED' })
  expect(client.connection.state).toBe('closed')
})

test('closing ends the open HTTP requests, and every call has its deadline', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const records: CallRecord[] = []
  const client = createClient({ ...overHttp, url: hop.url, onCall: (record) => records.push(record) })
  await client.system.info()
  const lost = hop.loseAnswers()
  const late = refusal(client.tasks.create({ type: 'code', title: 'made' }, { deadlineMs: 100 }))
  await lost
  expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'unknown' })
  const again = hop.loseAnswers()
  const call = refusal(client.system.info())
  await again
  const unsent = refusal(client.system.info())
  client.close()
  expect(await call).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'unknown' })
  expect(await unsent).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'no' })
  expect(await refusal(client.system.info())).toMatchObject({ code: 'CLIENT_CLOSED', applied: 'no' })
  expect(await titles(server.connect())).toEqual(['made'])
})
