import { newSecret, signatureHeaders } from '@tony/mcp-server/domain/webhooks/signature'
import { describe, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { isSignedBy, WebhookReceiver } from '../support/webhook-receiver.ts'
import { keeping } from './kept.ts'

const completed = { filter: { types: ['task.created' as const] } }
const seqsOf = (receiver: WebhookReceiver) => receiver.received.map(({ body }) => (body['data'] as { seq: number }).seq)

test('the signature is that of the library of Standard Webhooks', () => {
  const message = { id: 'msg_1', body: '{"test": 2432232314}' }
  const headers = signatureHeaders(message, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], 1_614_265_330_000)
  // Signed by standardwebhooks 1.1.1.
  expect(headers['webhook-signature']).toBe('v1,9o7UeFkn1GjVbcY4emAJruJCYqgH2EIf8u/slvVRBZI=')
  expect(headers['webhook-timestamp']).toBe('1614265330')
})

describe('a webhook', () => {
  test('gets the events of its filter in order, each signed and with an id of its own', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const { secret, webhookId } = await lead.webhooks.create({ url: receiver.url, ...completed })
    for (let n = 0; n < 5; n += 1) {
      await lead.tasks.create({ type: 'code' })
      await lead.messages.subscribe({ topic: 'outside the filter' }).catch(() => undefined)
    }
    const received = await receiver.until(5)
    expect(seqsOf(receiver)).toEqual(seqsOf(receiver).toSorted((a, b) => a - b))
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(5)
    for (const one of received) {
      expect(isSignedBy(secret, one)).toBe(true)
      expect(one.headers['x-tony-webhook-id']).toBe(webhookId)
      expect(one.body).toMatchObject({ type: 'task.created', eventId: one.headers['webhook-id'] })
    }
  })

  test('is not created if the endpoint does not return the challenge', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    receiver.answerChallenge = () => 200
    const lead = server.connect()
    const told = await refusal(lead.webhooks.create({ url: receiver.url }))
    expect(told).toMatchObject({ code: 'INVALID_INPUT', details: { reason: 'challenge_failed' } })
    expect((await lead.webhooks.list()).webhooks).toEqual([])
  })

  test('is renewed by the same call, with its secret and its position', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const first = await lead.webhooks.create({ url: receiver.url, ...completed, ttlMs: 60_000 })
    const second = await lead.webhooks.create({ url: receiver.url, ...completed, ttlMs: 120_000 })
    expect(second).toMatchObject({ webhookId: first.webhookId, secret: first.secret })
    expect(second.expiresAt).not.toBe(first.expiresAt)
    expect((await lead.webhooks.list()).webhooks).toHaveLength(1)
  })

  test('is deleted when its life is over, and gets nothing more', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    await lead.webhooks.create({ url: receiver.url, ...completed, ttlMs: 60_000 })
    await server.advance(60_001)
    expect((await lead.webhooks.list()).webhooks).toEqual([])
    const { events } = await lead.events.list({ types: ['webhook.created', 'webhook.deleted'] })
    expect(events.map(({ type }) => type)).toEqual(['webhook.created', 'webhook.deleted'])
  })

  test('signs with both secrets after a rotation, until the overlap is over', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const { webhookId, secret } = await lead.webhooks.create({ url: receiver.url, ...completed })
    const rotated = await lead.webhooks.rotate({ webhookId, overlapMs: 1_000 })
    await lead.webhooks.test({ webhookId })
    await server.advance(1_001)
    await lead.webhooks.test({ webhookId })
    const [during, after] = await receiver.until(2)
    if (!during || !after) throw new Error('two tests were expected')
    expect([isSignedBy(secret, during), isSignedBy(rotated.secret, during)]).toEqual([true, true])
    expect([isSignedBy(secret, after), isSignedBy(rotated.secret, after)]).toEqual([false, true])
  })

  test('keeps the secret before a rotation if the same rotation is sent again', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const { webhookId, secret: before } = await lead.webhooks.create({ url: receiver.url, ...completed })
    const rotation = { webhookId, secret: newSecret(), overlapMs: 10_000 }
    const first = await lead.webhooks.rotate(rotation)
    await server.advance(1_000)
    expect(await lead.webhooks.rotate(rotation)).toEqual(first)
    expect((await lead.events.list({ types: ['webhook.rotated'] })).events).toHaveLength(1)
    await lead.webhooks.test({ webhookId })
    const [during] = await receiver.until(1)
    if (!during) throw new Error('a test was expected')
    expect([isSignedBy(before, during), isSignedBy(rotation.secret, during)]).toEqual([true, true])
  })

  test('that has the given secret from its creation is not rotated', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const { webhookId, secret } = await lead.webhooks.create({ url: receiver.url, ...completed })
    const now = new Date(server.clock.wall()).toISOString()
    expect(await lead.webhooks.rotate({ webhookId, secret })).toEqual({ webhookId, secret, previousUntil: now })
    expect((await lead.events.list({ types: ['webhook.rotated'] })).events).toEqual([])
  })

  test('of a revoked key ends, and its endpoint gets the reason', async () => {
    await using server = await TestServer.start({ config: { devRole: 'admin' } })
    await using receiver = await WebhookReceiver.start()
    const admin = server.connect()
    const { key, keyId } = await admin.auth.keys.create({ name: 'ci', roleCeiling: 'tech-lead', scopes: ['*'] })
    const owner = server.connect({ token: key })
    await owner.webhooks.create({ url: receiver.url, ...completed })
    await admin.auth.keys.revoke({ keyId })
    await server.sweep()
    const [told] = await receiver.until(1)
    expect(told?.body).toMatchObject({ type: 'terminated', error: { code: -32_012 } })
    expect((await admin.webhooks.list()).webhooks).toEqual([])
  })

  test('that falls behind the retention gets a gap, and continues after it', async () => {
    await using server = await keeping({ events: { ms: 600_000, maxRows: 0 } })
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const failuresOf = async () => (await lead.webhooks.list()).webhooks[0]?.failures
    receiver.answer = () => 503
    await lead.webhooks.create({ url: receiver.url, ...completed })
    await lead.tasks.create({ type: 'code', title: 'lost' })
    await expect.poll(failuresOf).toBe(1)
    await server.advance(660_000)
    await expect.poll(failuresOf).toBe(2)
    await lead.tasks.create({ type: 'code', title: 'kept' })
    receiver.answer = () => 200
    await server.advance(10_000)
    const lastTypes = () => receiver.received.slice(-2).map(({ body }) => body['type'])
    await expect.poll(lastTypes).toEqual(['gap', 'task.created'])
    expect(receiver.received.at(-1)?.text).toContain('kept')
  })
})

describe('a delivery that fails', () => {
  test('is repeated with the same id after a wait, before later events', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    let refusals = 2
    receiver.answer = () => {
      refusals -= 1
      return refusals >= 0 ? 500 : 204
    }
    await lead.webhooks.create({ url: receiver.url, ...completed })
    await lead.tasks.create({ type: 'code' })
    await receiver.until(1)
    await lead.tasks.create({ type: 'code' })
    await expect.poll(async () => (await lead.webhooks.list()).webhooks[0]?.failures).toBe(1)
    await server.advance(1_000)
    await receiver.until(2)
    await expect.poll(async () => (await lead.webhooks.list()).webhooks[0]?.failures).toBe(2)
    await server.advance(2_000)
    const ids = (await receiver.until(4)).map(({ headers }) => headers['webhook-id'])
    expect(ids.slice(0, 3)).toEqual([ids[0], ids[0], ids[0]])
    expect(ids[3]).not.toBe(ids[0])
  })

  test('becomes a dead letter after 12 attempts, later events follow, and a redrive sends it again', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    const poison = 'poison'
    receiver.answer = ({ text }) => (text.includes(poison) ? 500 : 200)
    const { webhookId } = await lead.webhooks.create({ url: receiver.url, ...completed })
    await lead.tasks.create({ type: 'code', title: poison })
    for (let attempt = 1; attempt < 12; attempt += 1) {
      await receiver.until(attempt)
      await expect.poll(async () => (await lead.webhooks.list()).webhooks[0]?.failures).toBe(attempt)
      await server.advance(3_600_000)
    }
    await receiver.until(12)
    await expect.poll(async () => (await lead.webhooks.list()).webhooks[0]?.deadLetters).toBe(1)
    await lead.tasks.create({ type: 'code', title: 'good' })
    const [good] = (await receiver.until(13)).slice(12)
    expect(good?.text).toContain('good')
    const { deadLetters } = await lead.webhooks.deliveries({ webhookId })
    expect(deadLetters).toMatchObject([{ attempts: 12, lastError: 'http_5xx', redriven: false }])
    const { events } = await lead.events.list({ types: ['webhook.dead_letter', 'webhook.suspended'] })
    const { messageId } = deadLetters[0] ?? {}
    expect(events).toMatchObject([
      {
        type: 'webhook.dead_letter',
        subject: webhookId,
        data: { webhookId, messageId, attempts: 12, lastError: 'http_5xx' },
      },
    ])
    receiver.answer = () => 200
    expect(await lead.webhooks.redrive({ webhookId })).toEqual({ redriven: 1 })
    const [again] = (await receiver.until(14)).slice(13)
    expect(again?.headers['webhook-id']).toBe(deadLetters[0]?.messageId)
    await expect.poll(async () => (await lead.webhooks.deliveries({ webhookId })).deadLetters).toEqual([])
  })

  test('with 410 suspends the webhook until it is created again', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    const lead = server.connect()
    receiver.answer = () => 410
    const input = { url: receiver.url, ...completed }
    await lead.webhooks.create(input)
    await lead.tasks.create({ type: 'code' })
    await expect.poll(async () => (await lead.webhooks.list()).webhooks[0]?.state).toBe('suspended')
    receiver.answer = () => 200
    await lead.webhooks.create(input)
    const [gone, again] = await receiver.until(2)
    expect(again?.headers['webhook-id']).toBe(gone?.headers['webhook-id'])
  })

  test('by a redirect is not followed', async () => {
    await using server = await TestServer.start()
    await using receiver = await WebhookReceiver.start()
    await using elsewhere = await WebhookReceiver.start()
    const lead = server.connect()
    receiver.answer = (_, response) => {
      response.setHeader('location', elsewhere.url)
      return 307
    }
    const { webhookId } = await lead.webhooks.create({ url: receiver.url, ...completed })
    expect(await lead.webhooks.test({ webhookId })).toEqual({ delivered: false, error: 'redirected' })
    expect(elsewhere.received).toEqual([])
  })
})

test('a restarted server continues behind the last accepted delivery', async () => {
  await using receiver = await WebhookReceiver.start()
  await using first = await TestServer.start()
  const lead = first.connect()
  await lead.webhooks.create({ url: receiver.url, ...completed })
  await lead.tasks.create({ type: 'code' })
  await receiver.until(1)
  await first.stop()
  await using second = await TestServer.start({ folder: first.folder })
  const next = second.connect()
  await next.tasks.create({ type: 'code' })
  await second.sweep()
  await receiver.until(2)
  expect(new Set(seqsOf(receiver)).size).toBe(2)
})
