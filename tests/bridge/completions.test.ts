import { expect, test } from 'vitest'
import { claimOne } from '../api/given.ts'
import { TestServer } from '../support/server.ts'
import { bridgedHost, type Host, httpHost } from './hosts.ts'

/** Completes the id of a resource, as a host does while its user types. */
async function complete({ client }: Host, kind: string, value: string): Promise<readonly string[]> {
  const ref = { type: 'ref/resource' as const, uri: `tony://${kind}/{+id}` }
  return (await client.complete({ ref, argument: { name: 'id', value } })).completion.values
}

test.each([
  ['the bridge', bridgedHost],
  ['HTTP', httpHost],
])('a host over %s completes the names of agents and the ids of tasks in progress', async (_, open) => {
  await using server = await TestServer.start()
  await using host = await open(server)
  const [lead, ada] = [server.connect(), await server.agent('ada lovelace')]
  await server.agent('bob')
  const { id } = await lead.tasks.create({ type: 'code' })
  expect(await complete(host, 'task', '')).toEqual([])
  await claimOne(ada)
  expect(await complete(host, 'task', id.slice(0, 4))).toEqual([id])
  expect(await complete(host, 'task', 'x')).toEqual([])
  const [name] = await complete(host, 'agent', 'ad')
  expect(name).toBe('ada%20lovelace')
  const { contents } = await host.client.readResource({ uri: `tony://agent/${name}` })
  expect(JSON.stringify(contents)).toContain('ada lovelace')
  expect(await complete(host, 'thread', '')).toEqual([])
})
