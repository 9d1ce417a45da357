import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { claimOne, leaseOf, receiptOf, receiveOne, tamper } from './given.ts'

const mebibyte = 1_048_576

/** A third of a page. */
const third = 'x'.repeat(350_000)

test('agents are listed in pages of their metadata, by name, each agent once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const names = ['ada', 'bob', 'cid', 'dan', 'eve']
  for (const name of names) await server.agent(name, { metadata: { third } })
  await server.agent('zoe')
  const pages: string[][] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Awaited<ReturnType<typeof lead.agents.list>> = await lead.agents.list(cursor === '' ? {} : { cursor })
    pages.push(page.agents.map(({ name }) => name))
    for (const { name, metadata } of page.agents) expect(metadata).toEqual(name === 'zoe' ? {} : { third })
    cursor = page.nextCursor
  }
  expect(pages).toEqual([
    ['ada', 'bob'],
    ['cid', 'dan'],
    ['eve', 'zoe'],
  ])
})

test('agents outside a filter do not count for a page, which ends at its limit', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (const name of ['ada', 'bob', 'cid']) await server.agent(name, { metadata: { third }, capabilities: ['code'] })
  for (const name of ['bea', 'zoe', 'zed']) await server.agent(name, { capabilities: ['docs'] })
  const first = await lead.agents.list({ capability: 'docs', limit: 2 })
  expect([first.agents.map(({ name }) => name), first.nextCursor]).toEqual([['bea', 'zed'], 'zed'])
  const rest = await lead.agents.list({ capability: 'docs', limit: 2, cursor: 'zed' })
  expect([rest.agents.map(({ name }) => name), rest.nextCursor]).toEqual([['zoe'], null])
})

test('events and the audit are listed in pages of their data, without a gap', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const error = '漢'.repeat(16_000)
  await lead.tasks.createMany({ tasks: Array.from({ length: 50 }, () => ({ type: 'code' })) })
  for (let claimed = 0; claimed < 50; claimed += 25)
    for (const task of (await bob.tasks.claim({ limit: 25 })).tasks)
      await bob.tasks.fail({ ...leaseOf(task), error, retryable: false })
  const whole = Math.floor(mebibyte / (error.length * 3))
  const failed: number[][] = []
  for (let cursor = 'start', more = true; more; ) {
    const page = await lead.events.list({ cursor, types: ['task.failed'] })
    failed.push(page.events.map(({ seq }) => seq))
    cursor = page.cursor
    more = page.more
  }
  expect(failed.map(({ length }) => length)).toEqual([whole, whole, 50 - 2 * whole])
  const audited: number[] = []
  for (let cursor = '0', more = true; more; ) {
    const page = await lead.audit.list({ cursor, limit: 1_000 })
    const large = page.mutations.filter(({ type }) => type === 'task.failed')
    expect(large.length).toBeLessThanOrEqual(whole)
    audited.push(...large.map(({ seq }) => seq))
    cursor = page.cursor
    more = page.more
  }
  expect(audited).toEqual(failed.flat())
})

test('a tree has titles and no other text, and reports that it was cut at a mebibyte of them', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const title = '漢'.repeat(1_000)
  for (let made = 0; made < 400; made += 200)
    await lead.tasks.createMany({ tasks: Array.from({ length: 200 }, () => ({ type: 'code', epic: 'one', title })) })
  const { nodes, truncated, rollup } = await lead.tasks.tree({ epic: 'one' })
  expect([nodes.length, truncated, rollup?.total]).toEqual([Math.floor(mebibyte / 3_004), true, 400])
})

test('an explanation covers every agent of a project and lists eligible ones first', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code', requires: ['rare'] })
  const columns = 'project_id, type, role, registered_at, last_activity, metadata'
  await server.agent('template')
  const agents = (count: number) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO agents (id, name, capabilities, ${columns})
    SELECT '01890000-0000-7000-8000-' || substr('000000000000' || i, -12), 'a' || (1000 + i),
      CASE WHEN i > 440 THEN '["rare"]' ELSE '[]' END, ${columns} FROM n, agents WHERE name = 'template'`
  if (server.parts.config.postgres) return
  tamper(server, agents(450))
  const explained = await lead.tasks.explain({ taskId: id })
  expect(explained.agents).toHaveLength(200)
  expect(explained.agents.slice(0, 11).map(({ name, eligible }) => [name, eligible])).toEqual([
    ...Array.from({ length: 10 }, (_, index) => [`a${1_441 + index}`, true]),
    ['a1001', false],
  ])
  expect([explained.truncated, explained.claimable]).toEqual([true, true])
})

test('messages and dead letters are listed in pages of their payloads and their failures', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const error = '漢'.repeat(4_000)
  for (let index = 0; index < 3; index += 1) {
    await lead.messages.send({ to: 'bob', type: 'note', payload: '漢'.repeat(150_000), threadId: 'one' })
    await bob.messages.term({ ...receiptOf(await receiveOne(bob)), error })
  }
  for (const list of [
    async (cursor?: string) => lead.messages.list({ cursor }),
    async (cursor?: string) => lead.messages.thread({ threadId: 'one', cursor }),
    async (cursor?: string) => {
      const { deadLetters, nextCursor } = await lead.messages.deadLetters.list({ cursor })
      return { messages: deadLetters, nextCursor }
    },
  ]) {
    const first = await list()
    expect(first.messages).toHaveLength(2)
    const second = await list(first.nextCursor ?? '')
    expect([second.messages.length, second.nextCursor]).toEqual([1, null])
    expect(second.messages[0]?.lastError).toBe(error)
  }
})

test('a task with many artifacts counts for the size of a page', async () => {
  await using server = await TestServer.start()
  const [lead, bob] = [server.connect(), await server.agent('bob')]
  const uri = 'x'.repeat(4_000)
  for (let made = 0; made < 3; made += 1) {
    await lead.tasks.create({ type: 'code' })
    const lease = leaseOf(await claimOne(bob))
    for (let call = 0; call < 2; call += 1) {
      const artifacts = Array.from({ length: 50 }, (_, index) => ({ name: `${call} ${index}`, uri }))
      await bob.tasks.progress({ ...lease, artifacts })
    }
    await bob.tasks.complete(lease)
  }
  const first = await lead.tasks.list()
  expect(first.tasks.map(({ artifacts }) => artifacts.length)).toEqual([100, 100])
  expect((await lead.tasks.list({ cursor: first.nextCursor ?? '' })).tasks).toHaveLength(1)
})
