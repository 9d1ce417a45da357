import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'
import { isSignedBy, WebhookReceiver } from '../support/webhook-receiver.ts'

const { tonyWith, remove } = command()
afterAll(remove)

test('a webhook is created, listed, rotated, tested and deleted on the command line', async () => {
  await using server = await TestServer.start()
  await using receiver = await WebhookReceiver.start()
  const tony = tonyWith({ TONY_MCP_URL: server.url })
  const created = await tony('webhooks', 'create', receiver.url, '--type', 'task.created', '--json', 'webhookId,secret')
  expect([created.code, created.stderr]).toEqual([0, ''])
  const { webhookId, secret } = JSON.parse(created.stdout)
  expect(secret).toMatch(/^whsec_/)
  await tony('tasks', 'add', 'hello')
  const [first] = await receiver.until(1)
  expect(first?.body).toMatchObject({ type: 'task.created' })
  expect((await tony('webhooks', 'ls')).stdout).toMatch(new RegExp(`${webhookId} +active +${receiver.url} `))
  const rotated = await tony('webhooks', 'rotate', webhookId, '--overlap', '1h')
  expect([rotated.code, rotated.stderr]).toEqual([0, ''])
  expect(rotated.stdout).toMatch(/^whsec_\S+\n$/)
  expect(await tony('webhooks', 'test', webhookId)).toMatchObject({ code: 0 })
  const [, tested] = await receiver.until(2)
  if (!tested) throw new Error('a test was expected')
  expect([secret, rotated.stdout.trim()].map((each) => isSignedBy(each, tested))).toEqual([true, true])
  expect(await tony('webhooks', 'deliveries', webhookId)).toMatchObject({ stderr: 'no deliveries were given up\n' })
  expect(await tony('webhooks', 'rm', webhookId)).toMatchObject({ code: 2 })
  expect((await tony('webhooks', 'rm', webhookId, '--yes')).stdout).toBe(`${webhookId} is deleted\n`)
})
