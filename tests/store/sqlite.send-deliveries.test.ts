import { describe, expect, test } from 'vitest'
import { reading, receiptOf, rows, tamper } from '../api/given.ts'
import { type TestAgent, TestServer } from '../support/server.ts'
import { projectOf } from '../support/store.ts'
import { upTo } from './given.ts'
import { below, codeOf, inOneBatch } from './one-batch.ts'

type Inbox = ReturnType<typeof reading<Awaited<ReturnType<TestAgent['messages']['receive']>>['messages'][number]>>

/** Opens an inbox and waits until a send can deliver to it. */
async function openInbox(server: TestServer, agent: TestAgent, maxAckPending = 100): Promise<Inbox> {
  const next = reading(agent.messages.inbox({ maxAckPending }))
  await next(0)
  const { inboxes } = server.parts.waiters
  while (!inboxes.openInboxOf(agent.id)) await new Promise((resolve) => setImmediate(resolve))
  return next
}

async function given(maxAckPending?: number) {
  const server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const inbox = await openInbox(server, bob, maxAckPending)
  const send = (payload: unknown) => () => lead.messages.send({ to: 'bob', type: 'note', payload })
  return { server, lead, bob, inbox, send, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** Makes the calls in one batch. Returns the statuses of all messages at its end. */
async function statusesAfter(server: TestServer, calls: readonly (() => Promise<unknown>)[]): Promise<string[]> {
  const { store } = server.parts
  const project = await projectOf(store)
  const read = () =>
    store.transact({ project, caller: 'developer' }, ({ db, t }) =>
      db.select({ status: t.messages.status }).from(t.messages).orderBy(t.messages.ord),
    )
  const results = await inOneBatch(server, [...calls, read])
  const last = results.at(-1)
  if (last?.status !== 'fulfilled') throw new Error(`the batch failed: ${results.map(codeOf).join()}`)
  return (last.value as { status: string }[]).map(({ status }) => status)
}

describe('a send to an inbox that is open and empty', () => {
  test('stores the message as delivered and pushes it after the commit', async () => {
    await using scene = await given()
    const { server, bob, inbox, send } = scene
    const payload = { text: 'grüße "\\ 😀', list: [1, null, { a: 0.1 }] }
    expect(await statusesAfter(server, [send(payload)])).toEqual(['delivered'])
    const [message] = await inbox(1)
    expect(message).toMatchObject({ payload, attempt: 1, redrives: 0, to: bob.id, priority: 'normal', from: null })
    expect(message?.ackBy).toBe(new Date(server.parts.now() + 30_000).toISOString())
    if (message) await bob.messages.ack(receiptOf(message))
    expect(rows(server, 'SELECT status, retry_count, ready FROM messages')).toEqual([
      { status: 'acked', retry_count: 1, ready: null },
    ])
    expect(rows(server, 'SELECT accepted, pending, delivered, acked FROM mailboxes WHERE accepted > 0')).toEqual([
      { accepted: 1, pending: 0, delivered: 0, acked: 1 },
    ])
  })

  test('is delivered in the order of the sends, up to maxAckPending', async () => {
    await using scene = await given(3)
    const { server, bob, inbox, send } = scene
    const statuses = await statusesAfter(server, below(6).map(send))
    expect(statuses).toEqual(['delivered', 'delivered', 'delivered', 'pending', 'pending', 'pending'])
    const order: unknown[] = []
    for (const _ of upTo(6)) {
      const [message] = await inbox(1)
      if (!message) continue
      order.push(message.payload)
      await bob.messages.ack(receiptOf(message))
    }
    expect(order).toEqual(below(6))
  })

  test('is returned at the ack deadline and delivered again', async () => {
    await using scene = await given()
    const { server, bob, inbox, send } = scene
    expect(await statusesAfter(server, [send(1)])).toEqual(['delivered'])
    const [first] = await inbox(1)
    await server.advance(31_000)
    await server.advance(5_000)
    const [second] = await inbox(1)
    expect([first?.attempt, second?.attempt]).toEqual([1, 2])
    if (second) expect(await bob.messages.ack(receiptOf(second))).toMatchObject({ status: 'acked' })
  })

  test('reaches every open inbox of a fan-out with the payload that is stored once', async () => {
    await using scene = await given()
    const { server, lead, inbox } = scene
    const eve = await server.agent('eve')
    const second = await openInbox(server, eve)
    const send = () => lead.messages.send({ to: '*', type: 'note', payload: ['all'] })
    expect(await statusesAfter(server, [send])).toEqual(['delivered', 'delivered'])
    for (const next of [inbox, second]) expect(await next(1)).toMatchObject([{ payload: ['all'], address: '*' }])
  })

  test('pushes it once if its batch runs again without a refused call', async () => {
    await using scene = await given()
    const { server, lead, inbox, send } = scene
    const refused = () => lead.messages.send({ to: 'nobody', type: 'note', payload: 0 })
    expect(await statusesAfter(server, [send(1), () => refused().catch(() => undefined), send(2)])).toEqual([
      'delivered',
      'delivered',
    ])
    expect((await inbox(2)).map(({ payload }) => payload)).toEqual([1, 2])
    await lead.messages.send({ to: 'bob', type: 'note', payload: 3 })
    expect(await inbox(1)).toMatchObject([{ payload: 3, attempt: 1 }])
  })
})

describe('a send leaves its message pending', () => {
  test('while an older message waits for its redelivery', async () => {
    await using scene = await given()
    const { server, bob, inbox, send } = scene
    await send(1)()
    const [first] = await inbox(1)
    if (first) await bob.messages.nak({ ...receiptOf(first), delayMs: 60_000 })
    expect(await statusesAfter(server, [send(2)])).toEqual(['pending', 'pending'])
    expect(await inbox(1)).toMatchObject([{ payload: 2 }])
  })

  test.each([{ agent: 'bob' }, { all: true }] as const)('after a pause of %o in its batch', async (scope) => {
    await using scene = await given()
    const { server, lead, inbox, send } = scene
    const pause = () => lead.agents.pause({ ...scope, reason: 'fire' })
    expect(await statusesAfter(server, [pause, send(1)])).toEqual(['pending'])
    await lead.agents.resume(scope)
    expect(await inbox(1)).toMatchObject([{ payload: 1 }])
  })

  test('after a takeover of its recipient in its batch', async () => {
    await using scene = await given()
    const { server, lead, bob, inbox, send } = scene
    const old = inbox(1).catch(() => 'ended')
    const takeOver = () => lead.agents.register({ name: 'bob', type: 'implementation', takeOver: true })
    expect(await statusesAfter(server, [takeOver, send(1)])).toEqual(['pending'])
    bob.close()
    expect(await old).toBe('ended')
    const { clientInstanceId } = bob
    const next = await openInbox(server, await server.agent('bob', { takeOver: true, clientInstanceId }))
    expect(await next(1)).toMatchObject([{ payload: 1, attempt: 1 }])
  })

  test('after a revocation of the session that reads its inbox', async () => {
    await using scene = await given()
    const { server, lead, bob, send } = scene
    const revoke = () => lead.auth.revoke({ agent: bob.id })
    expect(await statusesAfter(server, [revoke, send(1)])).toEqual(['pending'])
  })

  test('while something else waits for messages of its recipient', async () => {
    await using scene = await given()
    const { server, bob, send } = scene
    const waiting = bob.messages.receive({ waitMs: 20_000 })
    await bob.agents.heartbeat({})
    expect(await statusesAfter(server, [send(1)])).toEqual(['pending'])
    await server.advance(20_000)
    await waiting
  })

  test('if its payload is large', async () => {
    await using scene = await given()
    const { server, inbox, send } = scene
    expect(await statusesAfter(server, [send('x'.repeat(16_385))])).toEqual(['pending'])
    expect(await inbox(1)).toHaveLength(1)
  })

  test.each(['UPDATE sessions SET revoked_at = 1', 'UPDATE agents SET incarnation = 2'])(
    'after %s, before its subscription has ended',
    async (change) => {
      await using scene = await given()
      const { server, send } = scene
      tamper(server, change)
      expect(await statusesAfter(server, [send(1)])).toEqual(['pending'])
    },
  )
})
