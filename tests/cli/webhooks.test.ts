import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

const { tonyWith, remove } = command()
afterAll(remove)

test('a webhook is created, listed, tested and deleted on the command line', async () => {
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
  expect(await tony('webhooks', 'test', webhookId)).toMatchObject({ code: 0 })
  expect(await tony('webhooks', 'deliveries', webhookId)).toMatchObject({ stderr: 'no deliveries were given up\n' })
  expect(await tony('webhooks', 'rm', webhookId)).toMatchObject({ code: 2 })
  expect((await tony('webhooks', 'rm', webhookId, '--yes')).stdout).toBe(`${webhookId} is deleted\n`)
})
