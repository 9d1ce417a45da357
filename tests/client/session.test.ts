import { Agent, type Client } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { refusal } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

/** Hours pass on the server's clock while its sockets are idle. */
const patient = { limits: { pingMs: 100_000_000 } }

/** Repeats a call until the server has received a new token from this client. */
async function renewed(client: Client, before: string | null): Promise<string | null> {
  for (;;) {
    const { expiresAt } = await client.auth.whoami()
    if (expiresAt !== before) return expiresAt
  }
}

test('a client with a session refreshes its token in time and keeps its socket', async () => {
  await using guarded = await Guarded.start(patient)
  const { server } = guarded
  const { key } = await guarded.key()
  const registered = await guarded.register(key)
  const states: string[] = []
  const session = { ...registered, expiresInMs: 300 }
  const client = server.connect({ session, onState: (state) => states.push(state) })
  const { expiresAt } = await client.auth.whoami()
  const feed = client.events.subscribe({ types: ['task.created'] })[Symbol.asyncIterator]()
  await feed.next()
  server.clock.advance(300_000)
  expect(await renewed(client, expiresAt)).toBe('2026-01-01T00:15:00.000Z')
  server.clock.advance(310_000)
  expect(await client.tasks.list()).toMatchObject({ tasks: [] })
  await guarded.admin.tasks.create({ type: 'code' })
  let next = await feed.next()
  while (next.value?.type === 'checkpoint') next = await feed.next()
  expect(next).toMatchObject({ value: { type: 'task.created' } })
  expect(states).toEqual(['connecting', 'open'])
})

test('a client whose token expired without a connection refreshes it and returns', async () => {
  await using guarded = await Guarded.start(patient)
  await using hop = await Hop.start(guarded.server.url)
  const { key } = await guarded.key()
  const agent = await Agent.register({ url: hop.url, name: 'worker', type: 'implementation', token: key })
  expect(await agent.client.auth.whoami()).toMatchObject({ kind: 'agent', name: 'worker' })
  guarded.server.clock.advance(700_000)
  hop.cut()
  expect(await agent.client.auth.whoami()).toMatchObject({ agentId: agent.id, incarnation: 1 })
  await agent.stop()
})

test('a refresh whose reply was lost is repeated, and the session continues', async () => {
  await using guarded = await Guarded.start(patient)
  await using hop = await Hop.start(guarded.server.url)
  const { key } = await guarded.key()
  const registered = await guarded.register(key)
  const client = guarded.server.connect({ url: hop.url, session: { ...registered, expiresInMs: 600_000 } })
  await client.auth.whoami()
  guarded.server.clock.advance(700_000)
  const lost = hop.loseAnswers()
  hop.cut()
  await lost
  hop.cut()
  hop.accept()
  expect(await client.auth.whoami()).toMatchObject({ agentId: registered.agentId })
  expect((await guarded.admin.auth.sessions.list({})).sessions).toHaveLength(1)
})

test('a refresh without a reply, on an open connection, is repeated in time', async () => {
  await using guarded = await Guarded.start(patient)
  await using hop = await Hop.start(guarded.server.url)
  const { key } = await guarded.key()
  const session = { ...(await guarded.register(key)), expiresInMs: 600 }
  const client = guarded.server.connect({ url: hop.url, session })
  await client.system.info()
  const began = performance.now()
  await hop.loseAnswers()
  hop.accept()
  guarded.server.clock.advance(5_000)
  expect(await client.auth.whoami()).toMatchObject({ name: 'worker' })
  await expect.poll(async () => (await client.auth.whoami()).expiresAt).toBe('2026-01-01T00:10:05.000Z')
  // During this time the server repeats the same reply. Later it would treat the refresh token as
  // stolen.
  expect(performance.now() - began).toBeLessThan(10_000)
  expect((await guarded.admin.auth.sessions.list({})).sessions).toHaveLength(1)
})

test('a client whose session was revoked gets the reason and stops', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key()
  const agent = await Agent.register({
    url: guarded.server.url,
    name: 'worker',
    type: 'implementation',
    token: key,
  })
  await agent.client.auth.whoami()
  await guarded.admin.auth.revoke({ agent: 'worker' })
  expect(await refusal(agent.client.tasks.claim({ waitMs: 60_000 }))).toMatchObject({ code: 'TOKEN_REVOKED' })
  await agent.stop()
})

test('an agent that may not register gets the reason at once', async () => {
  await using guarded = await Guarded.start()
  const options = { url: guarded.server.url, name: 'worker', type: 'implementation' }
  expect(await refusal(Agent.register(options))).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await refusal(Agent.register({ ...options, token: 'nothing' }))).toMatchObject({
    code: 'UNAUTHENTICATED',
  })
})
