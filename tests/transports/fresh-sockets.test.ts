import { createWSClient } from '@trpc/client'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Guarded } from '../access/given.ts'
import { TestServer } from '../support/server.ts'
import { stockClient } from './stock.ts'
import { clientFrame, codeOf, socketUrl, Wire, type WireOptions } from './wire.ts'

/** Returns the only frame before the close: an error that belongs to no call. */
async function refusalBeforeClose(wire: Wire): Promise<{ code: unknown; closed: number }> {
  const { code: closed } = await wire.closed
  expect(wire.texts).toHaveLength(1)
  const reply = await wire.next()
  expect(reply.id).toBeNull()
  return { code: codeOf(reply), closed }
}

const oversized = Buffer.alloc(1_100_000, 'x')

describe('a socket that is refused before its first call gets the error first and then the close:', () => {
  const announced: WireOptions = { announced: true }
  test.each<[string, WireOptions, (wire: Wire) => void, number]>([
    ['first frame without connectionParams', announced, (wire) => wire.send('{"id":1}'), 4400],
    ['first frame that is not JSON', announced, (wire) => wire.send('no JSON'), 4400],
    ['binary first frame', announced, (wire) => wire.ws.send(Buffer.from('{}')), 1003],
    ['binary frame of an identified socket', {}, (wire) => wire.ws.send(Buffer.from('{}')), 1003],
    ['frame above the limit', {}, (wire) => wire.ws.send(oversized.toString()), 1009],
    ['first frame above the limit', announced, (wire) => wire.ws.send(oversized.toString()), 1009],
  ])('a %s', async (_, options, act, closed) => {
    await using server = await TestServer.start()
    using wire = await Wire.open(server.url, options)
    act(wire)
    expect(await refusalBeforeClose(wire)).toEqual({ code: 'INVALID_INPUT', closed })
  })

  test('silence', async () => {
    await using server = await TestServer.start()
    using wire = await Wire.open(server.url, { announced: true })
    server.clock.advance(60_000)
    expect(await refusalBeforeClose(wire)).toEqual({ code: 'INVALID_INPUT', closed: 4408 })
  })

  test('two credentials', async () => {
    await using guarded = await Guarded.start()
    const headers = { authorization: `Bearer ${guarded.adminKey}` }
    using wire = await Wire.open(guarded.server.url, { connectionParams: { token: guarded.adminKey }, headers })
    expect(await refusalBeforeClose(wire)).toEqual({ code: 'INVALID_INPUT', closed: 4400 })
  })
})

test('a socket that has made a call is closed without such an error, which would mean that nothing was done', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  expect(await wire.answers()).toBe(true)
  wire.ws.send(Buffer.from('{}'))
  expect(await wire.closed).toMatchObject({ code: 1003 })
  expect(wire.texts).toHaveLength(1)
})

test("tRPC's own client with two credentials waits longer before each attempt", async () => {
  await using guarded = await Guarded.start()
  const token = guarded.adminKey
  class WithHeader extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { authorization: `Bearer ${token}` } })
    }
  }
  const attempts: number[] = []
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  const client = createWSClient({
    url: socketUrl(guarded.server.url),
    WebSocket: WithHeader as never,
    connectionParams: { token },
    retryDelayMs: (attempt) => {
      attempts.push(attempt)
      if (attempts.length === 5) resolve()
      return 5
    },
  })
  await enough
  await client.close()
  expect(attempts).toEqual([1, 2, 3, 4, 5])
})

test("tRPC's own client whose subscription is too large waits longer before each attempt", async () => {
  await using server = await TestServer.start()
  const attempts: number[] = []
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  await using client = stockClient(server.url, {
    retryDelayMs: (attempt) => {
      attempts.push(attempt)
      if (attempts.length === 5) resolve()
      return 5
    },
  })
  const types = ['x'.repeat(1_100_000)]
  client.api.events.subscribe.subscribe({ types } as never, {})
  await enough
  expect(attempts).toEqual([1, 2, 3, 4, 5])
})

test('a socket with a malformed frame is closed with its code after the error', async () => {
  await using server = await TestServer.start()
  using wire = await Wire.open(server.url)
  // The frame is unmasked, as no library sends it.
  Reflect.get(wire.ws, '_socket').write(clientFrame(1, '{}', { masked: false }))
  expect(await refusalBeforeClose(wire)).toEqual({ code: 'INVALID_INPUT', closed: 1002 })
})
