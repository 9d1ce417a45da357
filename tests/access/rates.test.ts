import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { codeOf, exchange, statusIn, upgradeRequest, Wire } from '../transports/wire.ts'
import { type Answer, ask, Guarded } from './given.ts'

const few = { limits: { callerBurst: 10, callerPerSecond: 2, addressBurst: 20, addressPerSecond: 1 } }

/** Repeats the call until it is refused. */
async function untilRefused(call: () => Promise<Answer>): Promise<{ accepted: number; answer: Answer }> {
  for (let accepted = 0; ; accepted += 1) {
    const answer = await call()
    if (answer.status === 429) return { accepted, answer }
  }
}

test('a principal spends the costs of its calls, gets its remaining limit, and may continue later', async () => {
  await using guarded = await Guarded.start(few)
  const { server } = guarded
  const { key } = await guarded.key({ scopes: ['*'] })
  const list = () => ask(server, 'tasks.list', key)
  const first = await list()
  expect(first.headers.get('ratelimit-policy')).toBe('"caller";q=10;w=5')
  expect(first.headers.get('ratelimit')).toBe('"caller";r=8;t=1')
  const { accepted, answer } = await untilRefused(list)
  expect(accepted).toBe(4)
  expect(answer).toMatchObject({ code: 'RATE_LIMITED' })
  expect(JSON.parse(answer.text).error.data).toMatchObject({ retryable: true, applied: 'no', retryAfterMs: 1_000 })
  expect(answer.headers.get('retry-after')).toBe('1')
  server.clock.advance(1_000)
  expect((await list()).status).toBe(200)
  expect((await list()).status).toBe(429)
})

test('a principal that has spent its limit does not affect another', async () => {
  await using guarded = await Guarded.start(few)
  const [one, other] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  await untilRefused(() => ask(guarded.server, 'tasks.list', one.key))
  expect((await ask(guarded.server, 'tasks.list', other.key)).status).toBe(200)
})

test('callers without a valid credential share a limit by their address, and callers with one do not', async () => {
  await using guarded = await Guarded.start(few)
  const { server } = guarded
  await untilRefused(() => ask(server, 'system.info', undefined))
  expect((await ask(server, 'auth.refresh', undefined, { kind: 'mutation' })).status).toBe(429)
  expect((await ask(server, 'tasks.list', 'nothing.at.all')).status).toBe(429)
  expect((await ask(server, 'tasks.list', guarded.adminKey)).status).toBe(200)
})

test('each call of a batch counts', async () => {
  await using guarded = await Guarded.start(few)
  const { key } = await guarded.key({ scopes: ['*'] })
  const paths = Array.from({ length: 8 }, () => 'tasks.list').join(',')
  const input = JSON.stringify(Object.fromEntries(Array.from({ length: 8 }, (_, index) => [index, {}])))
  const answer = await fetch(`${guarded.server.url}/trpc/${paths}?batch=1&input=${encodeURIComponent(input)}`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const results = (await answer.json()) as { error?: unknown }[]
  expect(results.filter(({ error }) => error === undefined)).toHaveLength(5)
})

test('a socket with three seconds of calls that are refused for their rate is closed', async () => {
  await using guarded = await Guarded.start({ limits: { callerBurst: 10, callerPerSecond: 0.01 } })
  const { key } = await guarded.key({ scopes: ['*'] })
  using wire = await Wire.open(guarded.server.url, { connectionParams: { token: key } })
  const call = async () => codeOf(await wire.call('tasks.list', 'query', {}))
  while ((await call()) !== 'RATE_LIMITED');
  const goOnFor = async (ms: number) => {
    for (let spent = 0; spent < ms; spent += 500) {
      guarded.server.clock.advance(500)
      expect(await call()).toBe('RATE_LIMITED')
    }
  }
  await goOnFor(2_500)
  // A pause of a second ends the abuse, so the detector starts to count again.
  guarded.server.clock.advance(1_000)
  await call()
  await goOnFor(3_000)
  expect(await wire.closed).toEqual({ code: 4429, reason: 'RATE_LIMITED' })
})

test('calls that are refused for the number of open ones cost as much as others, and a caller that continues is closed', async () => {
  const limits = { callerBurst: 40, callerPerSecond: 0.01, callsInFlight: 1 }
  await using guarded = await Guarded.start({ limits })
  const { token } = await guarded.agent('worker')
  using wire = await Wire.open(guarded.server.url, { connectionParams: { token } })
  wire.send({ id: 1, method: 'mutation', params: { path: 'tasks.claim', input: { waitMs: 60_000 } } })
  const more = async () => (await wire.call('tasks.list', 'query', {})).error
  const refusals = []
  do refusals.push(await more())
  while (refusals.at(-1)?.message.startsWith('at most 1 calls in flight') && refusals.length < 100)
  expect(refusals).toHaveLength(39)
  expect(refusals.at(-1)).toMatchObject({
    message: expect.stringContaining('too many calls'),
    data: { code: 'RATE_LIMITED' },
  })
  for (let spent = 0; spent < 3_000; spent += 500) {
    guarded.server.clock.advance(500)
    expect((await more())?.data).toMatchObject({ code: 'RATE_LIMITED' })
  }
  expect(await wire.closed).toEqual({ code: 4429, reason: 'RATE_LIMITED' })
})

test('callers in dev mode have no rate limit', async () => {
  await using server = await TestServer.start({ limits: few.limits })
  for (let index = 0; index < 40; index += 1) expect((await ask(server, 'tasks.list', undefined)).status).toBe(200)
})

test('wrong secrets of a key lock out their address only, each time for longer', async () => {
  await using guarded = await Guarded.start({ config: { trustedProxies: ['127.0.0.1/32'] } })
  const { server } = guarded
  const [held, other] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  const wrong = held.key.replace(/_.{6}$/, '_000000')
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  const guess = async () => {
    for (let index = 0; index < 10; index += 1)
      expect((await ask(server, 'tasks.list', wrong, from('10.0.0.1'))).status).toBe(401)
  }
  const status = async (key: string, address: string) => (await ask(server, 'tasks.list', key, from(address))).status
  await guess()
  expect(await status(held.key, '10.0.0.1')).toBe(429)
  expect([await status(held.key, '10.0.0.2'), await status(other.key, '10.0.0.1')]).toEqual([200, 200])
  server.clock.advance(60_000)
  await guess()
  const { headers } = await ask(server, 'tasks.list', held.key, from('10.0.0.1'))
  expect(headers.get('retry-after')).toBe('120')
  server.clock.advance(120_000)
  expect(await status(held.key, '10.0.0.1')).toBe(200)
})

test('wrong secrets count together within five minutes, and from zero after a pause', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const { key } = await guarded.key({ scopes: ['*'] })
  const wrong = key.replace(/_.{6}$/, '_000000')
  const guess = async (times: number) => {
    for (let index = 0; index < times; index += 1) expect((await ask(server, 'tasks.list', wrong)).status).toBe(401)
  }
  await guess(9)
  server.clock.advance(301_000)
  await guess(9)
  expect((await ask(server, 'tasks.list', wrong)).status).toBe(401)
  expect((await ask(server, 'tasks.list', key)).status).toBe(429)
})

test('a locked out caller is refused at the upgrade with 429 and a time for its next attempt', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const [held, other] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  const wrong = held.key.replace(/_.{6}$/, '_000000')
  for (let index = 0; index < 10; index += 1) await ask(server, 'tasks.list', wrong)
  const upgrade = (key: string) => exchange(server.url, upgradeRequest({ Authorization: `Bearer ${key}` }))
  const answer = await upgrade(held.key)
  expect(statusIn(answer)).toBe(429)
  expect(answer).toContain('\r\nRetry-After: 60\r\n')
  using wire = await Wire.open(server.url, { headers: { authorization: `Bearer ${other.key}` } })
  expect(await wire.answers()).toBe(true)
  // A key in the connection params is known only after the upgrade.
  using late = await Wire.open(server.url, { connectionParams: { token: held.key } })
  expect(await late.closed).toEqual({ code: 4429, reason: 'RATE_LIMITED' })
})

test('the owner of an IPv6 network is one caller', async () => {
  const config = { trustedProxies: ['127.0.0.1/32'] }
  await using guarded = await Guarded.start({ limits: { addressBurst: 30, addressPerSecond: 0.01 }, config })
  const { server } = guarded
  const held = await guarded.key({ scopes: ['*'] })
  const wrong = held.key.replace(/_.{6}$/, '_000000')
  const from = async (address: string, key: string) =>
    (await ask(server, 'tasks.list', key, { headers: { 'x-forwarded-for': address } })).status
  const guesses = []
  for (let index = 1; index <= 10; index += 1) guesses.push(await from(`2001:db8:0:1::${index}`, wrong))
  expect(guesses).toEqual(Array(10).fill(401))
  expect([await from('2001:db8:0:1:ffff::1', held.key), await from('2001:db8:0:2::1', held.key)]).toEqual([429, 200])
  // Each refused call costs the address 2, and so did the call of the caller that was locked out.
  const unknown = []
  for (let index = 0; index < 5; index += 1) unknown.push(await from(`2001:db8:0:1:${index}::`, 'no.thing.here'))
  expect(unknown).toEqual([401, 401, 401, 401, 429])
  expect(await from('2001:db8:0:2::1', 'no.thing.here')).toBe(401)
})
