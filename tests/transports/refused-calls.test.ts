import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { codeOf, Wire } from './wire.ts'

/** The counted calls with a code, by procedure. */
async function counted({ url }: TestServer, code: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.matchAll(new RegExp(`^tony_calls_total\\{procedure="(.+)",code="${code}"\\} (\\d+)$`, 'gm'))
  return Object.fromEntries([...lines].map(([, procedure = '', count]) => [procedure, Number(count)]))
}

const call = (id: number, path: string, input: unknown = {}) => ({ id, method: 'query', params: { path, input } })

test('calls and subscriptions beyond the limits of a socket are counted under their procedures', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 1, subscriptions: 1, frameCalls: 5 } })
  const worker = await server.agent('worker')
  using wire = await Wire.open(server.url, { connectionParams: { token: worker.token } })
  const subscribe = { method: 'subscription', params: { path: 'events.subscribe', input: {} } }
  wire.send([
    { id: 1, method: 'mutation', params: { path: 'tasks.claim', input: { waitMs: 60_000 } } },
    call(2, 'tasks.list'),
    call(3, 'tasks.list'),
    call(4, 'no.such.procedure'),
  ])
  for (const id of [2, 3, 4]) expect(codeOf(await wire.of(id))).toBe('RATE_LIMITED')
  wire.send([
    { id: 5, ...subscribe },
    { id: 6, ...subscribe },
  ])
  expect(codeOf(await wire.of(6))).toBe('RATE_LIMITED')
  expect(await counted(server, 'RATE_LIMITED')).toEqual({ 'tasks.list': 2, unknown: 1, 'events.subscribe': 1 })
  wire.send([7, 8, 9, 10, 11, 12].map((id) => call(id, 'tasks.list')))
  expect(codeOf(await wire.of(12))).toBe('INVALID_INPUT')
  expect(await counted(server, 'INVALID_INPUT')).toEqual({ unknown: 6 })
})

test('queries that wait too long for memory for a page are counted as overload', async () => {
  await using server = await TestServer.start({ limits: { pageBytes: 1 } })
  // The one slot stays taken.
  expect(server.parts.pageSlots.take()).toBeUndefined()
  using wire = await Wire.open(server.url)
  wire.send(call(1, 'tasks.list'))
  const overHttp = fetch(`${server.url}/trpc/agents.list?input=%7B%7D`)
  const ticking = setInterval(() => server.clock.advance(1_000), 5)
  expect(codeOf(await wire.of(1))).toBe('OVERLOADED')
  expect((await overHttp).status).toBe(503)
  clearInterval(ticking)
  expect(await counted(server, 'OVERLOADED')).toEqual({ 'tasks.list': 1, 'agents.list': 1 })
})
