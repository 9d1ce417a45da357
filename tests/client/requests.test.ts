import type { IncomingRequest } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { register, signal } from './agents.ts'

const unexpected = (): never => {
  throw new Error('no message was expected')
}

test('the result of a request handler is the reply, and the request is acked with it', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  const bob = await register(server, { name: 'bob', capabilities: ['sum'] })
  const seen: IncomingRequest[] = []
  bob.onMessage(unexpected, {
    onRequest: async (request) => {
      seen.push(request)
      return Array.isArray(request.params) ? request.params.length : undefined
    },
  })
  expect(await ada.requests.route({ method: 'sum', params: [1, 2] })).toMatchObject({ ok: true, result: 2 })
  expect(await ada.requests.route({ method: 'sum' })).toMatchObject({ ok: true, result: null })
  expect(seen).toMatchObject([
    { method: 'sum', params: [1, 2], from: ada.id },
    { method: 'sum', params: null, from: ada.id },
  ])
  expect((await server.connect().system.metrics()).messages).toMatchObject({ accepted: 2, acked: 2 })
  await bob.stop()
})

test('an error of a request handler is the reply, and the message is not redelivered', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const bob = await register(server, { name: 'bob' })
  bob.onMessage(unexpected, {
    onRequest: ({ method }) => {
      if (method === 'text') throw 'no error at all'
      throw new Error('cannot')
    },
  })
  expect(await lead.requests.route({ method: 'm', target: 'bob' })).toMatchObject({
    ok: false,
    result: null,
    error: { code: 'HANDLER_FAILED', message: 'cannot' },
  })
  expect(await lead.requests.route({ method: 'text', target: 'bob' })).toMatchObject({
    error: { code: 'HANDLER_FAILED', message: 'no error at all' },
  })
  expect((await lead.system.metrics()).messages).toMatchObject({ acked: 2, pending: 0, delivered: 0 })
  await bob.stop()
})

test('other messages, and messages that only resemble requests, go to the message handler', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const bob = await register(server, { name: 'bob' })
  const [all, handled] = [signal(), [] as unknown[]]
  const mail = bob.onMessage(
    ({ payload }) => {
      handled.push(payload)
      if (handled.length === 3) all.tell()
    },
    { onRequest: unexpected },
  )
  for (const payload of [{ method: 'm' }, null]) await lead.messages.send({ to: 'bob', type: 'request', payload })
  await lead.messages.send({ to: 'bob', type: 'note', payload: { requestId: 'r', method: 'm' } })
  await all.told
  expect(handled).toEqual([{ method: 'm' }, null, { requestId: 'r', method: 'm' }])
  await mail.stop()
  await bob.stop()
})

test('requests without a request handler are messages, and are answered by hand', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const bob = await register(server, { name: 'bob' })
  bob.onMessage(async ({ type, payload }) => {
    expect(type).toBe('request')
    const { requestId } = Object(payload)
    await bob.client.requests.reply({ requestId, result: 'by hand' })
  })
  expect(await lead.requests.route({ method: 'm', target: 'bob' })).toMatchObject({ result: 'by hand' })
  await bob.stop()
})

test('a reply that the agent may not give is reported', async () => {
  await using server = await TestServer.start()
  const bob = await register(server, { name: 'bob' })
  const told = signal<unknown>()
  bob.onMessage(unexpected, { onRequest: () => 1, onError: told.tell })
  const payload = { requestId: '01890000-0000-7000-8000-000000000000', method: 'm' }
  await server.connect().messages.send({ to: 'bob', type: 'request', payload })
  expect(await told.told).toMatchObject({ code: 'NOT_FOUND' })
  await bob.stop()
})
