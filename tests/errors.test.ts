import type { Client } from '@tony/mcp-client'
import { type ErrorCode, errorCodes, errorPolicies } from '@tony/mcp-shared/errors'
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { claimOne, leaseOf, receiptOf, receiveOne, tamper } from './api/given.ts'
import { refusal, TestServer, type TestServerOptions, take } from './support/server.ts'
import { Wire } from './transports/wire.ts'

interface Scenario {
  readonly options?: TestServerOptions
  /** Brings a server into a state in which a call is refused, and returns the call. */
  readonly refused: (server: TestServer) => Promise<{ call: Promise<unknown> }>
}

const absent = '01890000-0000-7000-8000-000000000000'

/** The call is made once, because the client would repeat a retryable call until its deadline. */
const once = { signal: AbortSignal.abort() }

/**
 * Returns a client with an open socket. A client that never had one reports that, and not the
 * server's error.
 */
async function open(server: TestServer, options: Parameters<TestServer['connect']>[0] = {}): Promise<Client> {
  const client = server.connect(options)
  await client.system.info()
  return client
}

/**
 * Makes a call over a bare socket, for errors that no call of the client can cause or that the
 * client does not pass on.
 */
async function overWire(server: TestServer, path: string, input: unknown, token?: string): Promise<unknown> {
  using wire = await Wire.open(server.url, { connectionParams: token === undefined ? {} : { token } })
  const { error, result } = await wire.call(path, 'mutation', input)
  if (error) throw Object.assign(new Error(error.message), error.data)
  return result?.data
}

const scenarios: Readonly<Record<ErrorCode, Scenario>> = {
  INVALID_INPUT: { refused: async (server) => ({ call: server.connect().tasks.create({ type: '' }) }) },
  UNAUTHENTICATED: { refused: async (server) => ({ call: server.connect({ token: 'nothing' }).tasks.list() }) },
  TOKEN_EXPIRED: {
    refused: async (server) => {
      const { token } = await server.agent('ada')
      server.clock.setWall(server.clock.wall() + 86_410_000)
      return { call: server.connect({ token }).tasks.list() }
    },
  },
  TOKEN_REVOKED: {
    refused: async (server) => {
      const { token } = await server.agent('ada')
      await server.connect().agents.unregister({ agent: 'ada' })
      return { call: server.connect({ token }).tasks.list() }
    },
  },
  STALE_INCARNATION: {
    refused: async (server) => {
      const { token } = await server.agent('ada')
      await server.agent('ada')
      return { call: server.connect({ token }).tasks.list() }
    },
  },
  FORBIDDEN: { refused: async (server) => ({ call: (await server.agent('ada')).tasks.cancel({ taskId: absent }) }) },
  NOT_FOUND: { refused: async (server) => ({ call: server.connect().tasks.get({ taskId: absent }) }) },
  NO_AGENTS_AVAILABLE: { refused: async (server) => ({ call: server.connect().requests.route({ method: 'none' }) }) },
  METHOD_NOT_ALLOWED: {
    refused: async (server) => ({
      call: fetch(`${server.url}/trpc/tasks.create`).then(async (response) => {
        const { error } = JSON.parse(await response.text())
        throw Object.assign(new Error(error.message), error.data)
      }),
    }),
  },
  UNSUPPORTED_MEDIA_TYPE: {
    refused: async (server) => ({
      call: fetch(`${server.url}/trpc/tasks.create`, { method: 'POST', body: '{}' }).then(async (response) => {
        const { error } = JSON.parse(await response.text())
        throw Object.assign(new Error(error.message), error.data)
      }),
    }),
  },
  AGENT_NAME_TAKEN: {
    refused: async (server) => {
      await server.agent('ada')
      return { call: server.connect().agents.register({ name: 'ada', type: 'qa' }) }
    },
  },
  STALE_LEASE: {
    refused: async (server) => {
      const ada = await server.agent('ada')
      await server.connect().tasks.create({ type: 'code' })
      const lease = leaseOf(await claimOne(ada))
      await ada.tasks.release(lease)
      return { call: ada.tasks.extend(lease) }
    },
  },
  STALE_RECEIPT: {
    refused: async (server) => {
      const ada = await server.agent('ada')
      await server.connect().messages.send({ to: 'ada', type: 'note', payload: 1 })
      const receipt = receiptOf(await receiveOne(ada))
      await ada.messages.nak(receipt)
      return { call: ada.messages.ack(receipt) }
    },
  },
  ILLEGAL_TRANSITION: {
    refused: async (server) => {
      const [lead, ada] = [server.connect(), await server.agent('ada')]
      const { id } = await lead.tasks.create({ type: 'code' })
      await ada.tasks.complete(leaseOf(await claimOne(ada)))
      return { call: lead.tasks.cancel({ taskId: id }) }
    },
  },
  REVISION_CONFLICT: {
    refused: async (server) => {
      const { id, revision } = await server.connect().tasks.create({ type: 'code' })
      return { call: overWire(server, 'tasks.update', { taskId: id, expectedRevision: revision + 1, title: 'late' }) }
    },
  },
  IDEMPOTENCY_CONFLICT: {
    refused: async (server) => {
      const lead = server.connect()
      await lead.tasks.create({ type: 'code', idempotencyKey: 'k' })
      return { call: lead.tasks.create({ type: 'test', idempotencyKey: 'k' }) }
    },
  },
  DEPENDENCY_CYCLE: {
    refused: async (server) => {
      const tasks = [
        { type: 'code', key: 'a', dependsOn: ['b'] },
        { type: 'code', key: 'b', dependsOn: ['a'] },
      ]
      return { call: server.connect().tasks.createMany({ tasks }) }
    },
  },
  ALREADY_EXISTS: {
    options: { config: { devRole: 'admin' } },
    refused: async (server) => ({ call: server.connect().projects.create({ name: 'default' }) }),
  },
  LOCK_CONFLICT: {
    refused: async (server) => {
      const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
      const lock = { locks: ['port:3456'] }
      await lead.tasks.createMany({ tasks: [{ type: 'code', ...lock }, { type: 'code' }] })
      await claimOne(ada)
      const lease = leaseOf(await claimOne(bob))
      return { call: overWire(server, 'tasks.lock', { ...lease, ...lock }, bob.token) }
    },
  },
  CURSOR_EXPIRED: {
    refused: async (server) => {
      const lead = server.connect()
      for (const type of ['a', 'b', 'c']) await lead.tasks.create({ type })
      const { cursor } = await lead.events.list({ limit: 1 })
      tamper(server, 'DELETE FROM event_pages WHERE last < 3')
      return { call: take(lead.events.subscribe({ cursor }), 1) }
    },
  },
  CURSOR_AHEAD: { refused: async (server) => ({ call: server.connect().events.list({ cursor: 'other.1' }) }) },
  PAYLOAD_TOO_LARGE: {
    refused: async (server) => {
      const payload = 'x'.repeat(1_048_576)
      return { call: server.connect().messages.send({ to: 'ada', type: 'note', payload }) }
    },
  },
  RATE_LIMITED: {
    options: { limits: { subscriptions: 1 } },
    refused: async (server) => {
      const lead = server.connect()
      const first = lead.events.subscribe({})
      await first[Symbol.asyncIterator]().next()
      return { call: take(lead.events.subscribe({}), 1) }
    },
  },
  INBOX_FULL: {
    options: { config: { maxPending: 1 } },
    refused: async (server) => {
      const [lead, note] = [await open(server), { to: 'ada', type: 'note', payload: 1 }]
      await server.agent('ada')
      await lead.messages.send(note)
      return { call: lead.messages.send(note, once) }
    },
  },
  CONSUMER_TOO_SLOW: {
    refused: async (server) => {
      const lead = server.connect()
      const tasks = Array.from({ length: 200 }, () => ({ type: 'code', title: '漢'.repeat(1_000) }))
      for (let made = 0; made < 8_000; made += 200) await lead.tasks.createMany({ tasks })
      using wire = await Wire.open(server.url)
      wire.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { cursor: 'start' } } })
      await wire.next()
      wire.ws.pause()
      const scrape = async () => (await fetch(`${server.url}/metrics`)).text()
      while (!/^tony_slow_consumers_total 1$/m.test(await scrape())) server.clock.advance(1_000)
      wire.ws.resume()
      const { code, reason } = await wire.closed
      const error = Object.assign(new Error(`closed with ${code}`), { code: reason, applied: 'no' })
      return { call: Promise.reject(error) }
    },
  },
  INTERNAL: {
    refused: async (server) => {
      const lead = await open(server)
      const { id } = await lead.tasks.create({ type: 'code' })
      tamper(server, "UPDATE tasks SET metadata = 'no JSON'")
      return { call: lead.tasks.get({ taskId: id }, once) }
    },
  },
  SHUTTING_DOWN: {
    refused: async (server) => {
      const lead = await open(server)
      await server.parts.store[Symbol.asyncDispose]()
      return { call: lead.tasks.create({ type: 'code' }, once) }
    },
  },
  STORE_UNAVAILABLE: {
    refused: async (server) => {
      const lead = await open(server)
      tamper(server, 'ALTER TABLE plans RENAME TO gone')
      return { call: lead.plans.begin({ name: 'plan' }, once) }
    },
  },
  DEADLINE_EXCEEDED: {
    refused: async (server) => {
      await server.agent('ada')
      const call = server.connect().requests.route({ method: 'm', target: 'ada', timeoutMs: 100 })
      await receiveOne(await server.agent('ada'), { waitMs: 1_000 })
      await server.advance(100)
      return { call }
    },
  },
  OVERLOADED: {
    options: { limits: { queueMs: 50 } },
    refused: async (server) => {
      const lead = await open(server)
      const { store } = server.parts
      const project = (await lead.projects.list()).projects[0]?.id ?? ''
      const [begun, blocked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const long = store.transact({ project }, () => {
        begun.resolve()
        return blocked.promise
      })
      await begun.promise
      const waiting = store.transact({ project }, () => Promise.resolve())
      server.clock.advance(100)
      const call = lead.tasks.create({ type: 'code' }, once)
      await Promise.allSettled([call]).finally(() => blocked.resolve())
      await Promise.all([long, waiting])
      return { call }
    },
  },
  STORAGE_FULL: {
    refused: async (server) => {
      const lead = await open(server)
      const { store } = server.parts
      const project = (await lead.projects.list()).projects[0]?.id ?? ''
      await store.transact({ project }, ({ db }) => db.all(sql.raw('pragma max_page_count = 1')))
      return { call: lead.tasks.create({ type: 'code', description: 'x'.repeat(60_000) }, once) }
    },
  },
}

test.each(errorCodes)('%s reaches a caller', async (code) => {
  const { options = {}, refused } = scenarios[code]
  await using server = await TestServer.start(options)
  const { call } = await refused(server)
  const error = await refusal(call)
  expect(error.code).toBe(code)
  // A client whose socket was closed for good does not know the outcome and must not claim to.
  expect([errorPolicies[code].applied, 'unknown']).toContain(error.applied)
})
