import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import type { TestServer } from '../support/server.ts'
import { bridgedHost, type Host, httpHost } from './hosts.ts'

/**
 * The parts that every secret of this server contains: access and refresh tokens, keys, and the
 * names of fields with a secret.
 */
const forms = /eyJ[\w-]{10,}\.|tc[kbr]_|leaseToken|refreshToken|clientInstanceId|"receipt"|"token"/

/** Returns all current lease tokens and receipts. */
function inUse(server: TestServer): string[] {
  const leases = server.query<{ secret: string }>(
    'SELECT lease_token AS secret FROM tasks WHERE lease_token IS NOT NULL',
  )
  const receipts = server.query<{ secret: string }>('SELECT receipt AS secret FROM messages WHERE receipt IS NOT NULL')
  return [...leases, ...receipts].map(({ secret }) => secret)
}

/**
 * Uses every tool, resource and prompt, with right and wrong inputs. Adds every secret in use to
 * `secrets`.
 */
async function story(guarded: Guarded, host: Host, secrets: Set<string>): Promise<void> {
  const { server, admin } = guarded
  const note = () => {
    for (const secret of inUse(server)) secrets.add(secret)
  }
  await host.client.listTools()
  await host.client.listPrompts()
  await host.client.getPrompt({ name: 'how_to_take_part' })
  const { agentId, name } = await host.did('join')
  await admin.tasks.createMany({
    tasks: [1, 2, 3, 4].map((n) => ({ type: 'code', title: `task ${n}`, assignedTo: String(name) })),
  })
  await admin.messages.send({ to: String(agentId), type: 'note', payload: 'hello', threadId: 'a thread' })
  const one = await host.takes()
  note()
  await host.did('progress', { taskId: one, percent: 10, notes: 'begun' })
  await host.did('add_tasks', { tasks: [{ title: 'a part', assignedTo: 'nobody here' }] }).catch(() => undefined)
  await host.did('inbox')
  note()
  await host.did('inbox')
  await host.did('ask', { taskId: one, question: 'which?' })
  const two = await host.takes()
  note()
  await host.did('fail', { taskId: two, why: 'no luck' })
  const three = await host.takes()
  note()
  await host.did('fail', { taskId: three, why: 'not mine', outcome: 'release' })
  const four = await host.takes()
  note()
  await host.did('complete', { taskId: four, result: 'done' })
  await host.call('complete', { taskId: four, result: 'again' })
  await host.call('complete', { taskId: one, result: 'not held' })
  await host.call('answer', { taskId: one, attempt: 1, answer: 'no lead' })
  await host.did('send', { to: String(agentId), text: 'to myself' })
  await host.did('who')
  await host.did('feed')
  await host.did('explain')
  await host.did('explain', { taskId: one })
  for (const uri of [`tony://task/${one}`, `tony://agent/${agentId}`, 'tony://thread/a%20thread'])
    await host.client.readResource({ uri })
  note()
}

async function expectClean(host: Host, secrets: ReadonlySet<string>): Promise<void> {
  const heard = host.heard.join('\n')
  expect(heard.length).toBeGreaterThan(20_000)
  expect(secrets.size).toBeGreaterThan(5)
  expect([...secrets].filter((secret) => heard.includes(secret))).toEqual([])
  expect(forms.exec(heard)?.[0]).toBeUndefined()
}

test('no token, lease, receipt or key is in the output of a bridge to its host', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const { key } = await guarded.key({ scopes: ['agents:register'], roleCeiling: 'developer' })
  const file = join(server.folder, 'key')
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  await using host = await bridgedHost(server, { TONY_TOKEN_FILE: file })
  const instance = readFileSync(join(server.folder, 'state', 'instance.key'), 'utf8')
  const secrets = new Set([key, guarded.adminKey, instance])
  await story(guarded, host, secrets)
  await expectClean(host, secrets)
})

test('no token, lease, receipt or key is in a reply of the server to a host over HTTP', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ scopes: ['agents:register'], roleCeiling: 'developer' })
  await using host = await httpHost(guarded.server, { authorization: `Bearer ${key}` })
  const secrets = new Set([key, guarded.adminKey])
  await story(guarded, host, secrets)
  await expectClean(host, secrets)
})
