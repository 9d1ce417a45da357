import { request } from 'node:http'
import { expect, test } from 'vitest'
import { ReceivedText } from '../support/received-text.ts'
import { TestServer } from '../support/server.ts'
import { codeOf, Wire } from './wire.ts'

interface Answer {
  readonly status: number | undefined
  readonly challenge: string | undefined
  readonly code: unknown
}

/** Sends headers that `fetch` does not let a caller set. */
const get = (url: string, headers: Record<string, string>, method = 'GET', body?: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(
      url,
      { headers: { 'content-type': 'application/json', ...headers }, method },
      async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        const { error } = JSON.parse(text)
        resolve({
          status: response.statusCode,
          challenge: response.headers['www-authenticate'],
          code: error?.data.code,
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })

const refused = { status: 401, challenge: 'Bearer realm="tony-mcp", error="invalid_token"', code: 'UNAUTHENTICATED' }
const asked = { ...refused, challenge: 'Bearer realm="tony-mcp"' }

test.each([
  ['a foreign Host', { host: 'rebound.example' }],
  ['a Host that begins like this machine', { host: 'localhost.evil.example' }],
  ['a foreign Origin', { origin: 'https://evil.example' }],
  ['the Origin null', { origin: 'null' }],
  ['credentials of another scheme', { authorization: 'Basic dG9ueTp0b255' }],
  ['an empty bearer', { authorization: 'Bearer ' }],
  ['a bearer of two words', { authorization: 'Bearer a b' }],
  ['an invalid token', { authorization: 'Bearer nothing' }],
  ['a token without a signature', { authorization: 'Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJ4In0.' }],
])('a caller with %s gets 401 and a challenge, over tRPC and REST', async (_, headers) => {
  await using server = await TestServer.start()
  const told = 'authorization' in headers ? refused : asked
  expect(await get(`${server.url}/trpc/tasks.list?input=%7B%7D`, headers)).toEqual(told)
  const body = JSON.stringify({ name: 'intruder', type: 'tech-lead' })
  expect(await get(`${server.url}/api/agents/register`, headers, 'POST', body)).toEqual(told)
  expect((await server.connect().agents.list({})).agents).toEqual([])
  expect((await get(`${server.url}/trpc/system.info`, headers)).status).toBe(200)
})

test.each(['localhost', 'localhost:3456', '127.0.0.1:1', '[::1]:3456'])(
  'a caller with %s is the developer',
  async (host) => {
    await using server = await TestServer.start()
    expect((await get(`${server.url}/trpc/tasks.list?input=%7B%7D`, { host })).status).toBe(200)
  },
)

test('the metrics are for the developer too, and for no page whose name resolves to this machine', async () => {
  await using server = await TestServer.start()
  expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
  expect(await get(`${server.url}/metrics`, { host: 'rebound.example' })).toEqual(asked)
  expect(await get(`${server.url}/metrics`, { origin: 'https://evil.example' })).toEqual(asked)
})

test('a token with a foreign signature is refused', async () => {
  await using server = await TestServer.start()
  await using elsewhere = await TestServer.start()
  const { token } = await elsewhere.agent('worker')
  const answer = await get(`${server.url}/trpc/tasks.list?input=%7B%7D`, { authorization: `Bearer ${token}` })
  expect(answer).toEqual(refused)
})

test('a token with one character changed is refused', async () => {
  await using server = await TestServer.start()
  const { token } = await server.agent('worker')
  const at = token.length - 20
  const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
  using wire = await Wire.open(server.url, { connectionParams: { token: changed } })
  expect(codeOf(await wire.of(null))).toBe('UNAUTHENTICATED')
  expect((await wire.closed).code).toBe(4401)
})

test.each([{ token: '' }, { token: 7 }, { token: {} }])(
  'connectionParams of %j are not the developer',
  async ({ token }) => {
    await using server = await TestServer.start()
    using wire = await Wire.open(server.url, { connectionParams: { token } })
    expect(codeOf(await wire.of(null))).toBe('UNAUTHENTICATED')
    expect((await wire.closed).code).toBe(4401)
  },
)

test('an unknown project is named in the error, on every transport', async () => {
  await using server = await TestServer.start()
  const answer = await get(`${server.url}/trpc/tasks.list?input=%7B%7D`, { 'x-tony-project': 'nowhere' })
  expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  using wire = await Wire.open(server.url, { connectionParams: { project: 'nowhere' } })
  expect(codeOf(await wire.of(null))).toBe('NOT_FOUND')
  expect((await wire.closed).code).toBe(4401)
})

test('a subscription over HTTP ends when its incarnation is superseded', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const stream = await fetch(`${server.url}/trpc/events.subscribe?input=%7B%7D`, {
    headers: { authorization: `Bearer ${worker.token}` },
  })
  const received = new ReceivedText(stream)
  await received.until('checkpoint')
  await server.agent('worker')
  await server.connect().tasks.create({ type: 'secret' })
  await received.until('STALE_INCARNATION')
  expect(received.text).not.toContain('secret')
})
