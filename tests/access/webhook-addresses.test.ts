import { AddressPolicy } from '@tony/mcp-server/platform/address-policy'
import { describe, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

const closed = { config: { webhooks: { cidrs: [], origins: [] } } }

describe('without a setting, a webhook may call', () => {
  const guard = new AddressPolicy([])
  test.each([
    '127.0.0.1',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
  ])('not %s', (address) => {
    expect(guard.isAllowed(address, true)).toBe(false)
  })

  test.each(['8.8.8.8', '172.32.0.1', '2606:4700::1111'])('%s, with encryption only', (address) => {
    expect(guard.isAllowed(address, true)).toBe(true)
    expect(guard.isAllowed(address, false)).toBe(false)
  })
})

test('an allowed network may be called under each of its names', () => {
  const guard = new AddressPolicy(['10.1.0.0/16'])
  expect(guard.isAllowed('10.1.2.3', false)).toBe(true)
  expect(guard.isAllowed('::ffff:10.1.2.3', false)).toBe(true)
  expect(guard.isAllowed('10.2.0.1', true)).toBe(false)
})

describe('an endpoint on the loopback gets no request', () => {
  const asWritten = (port: string) => [
    `http://127.0.0.1:${port}/`,
    `https://localhost:${port}/`,
    `http://2130706433:${port}/`,
    `http://0x7f.1:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://[::1]:${port}/`,
  ]

  test('under any of its names', async () => {
    await using server = await TestServer.start(closed)
    await using receiver = await WebhookReceiver.start()
    let requests = 0
    receiver.answerChallenge = () => {
      requests += 1
      return 200
    }
    const lead = server.connect()
    for (const url of asWritten(new URL(receiver.url).port))
      expect(await refusal(lead.webhooks.create({ url })), url).toMatchObject({
        code: 'INVALID_INPUT',
        details: { reason: 'address_refused' },
      })
    expect(requests).toBe(0)
  })
})

test.each(['ftp://example.com/', 'https://name:word@example.com/', 'https://example.com/#part', 'nowhere'])(
  'the URL %s is refused',
  async (url) => {
    await using server = await TestServer.start(closed)
    expect(await refusal(server.connect().webhooks.create({ url }))).toMatchObject({ code: 'INVALID_INPUT' })
  },
)
