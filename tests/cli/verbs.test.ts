import { afterAll, expect, test } from 'vitest'
import { claimOne, receiveOne } from '../api/given.ts'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const { tony, tonyWith, remove } = command()
afterAll(remove)

test('a table has names and no ids of agents, and control characters of a title stay out of the terminal', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  await server.connect().tasks.create({ type: 'code', title: 'parse\u001b[31m it', locks: ['file:src'] })
  const { id } = await claimOne(ada)
  const { code, stdout, stderr } = await tony('tasks', 'ls', '--url', server.url)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^ID +STATUS +PRIORITY +AGENT/)
  expect(stdout).toMatch(new RegExp(`${id} +in_progress +normal +ada +\\d+s .*parse\\[31m it\n`))
  expect(stdout).not.toContain('\u001b')
  expect((await tony('locks', '--url', server.url)).stdout).toMatch(new RegExp(`file:src +- +ada .*${id}`))
  const shown = await tony('tasks', 'show', '--json', id, '--url', server.url)
  expect(JSON.parse(shown.stdout)).toMatchObject({ id, claimedBy: ada.id })
  const explained = await tony('explain', id, '--url', server.url)
  expect(explained.stdout).toMatch(new RegExp(`^${id} is in_progress\n {2}ada holds it`))
  const agents = await tony('agents', 'ls', '--json', 'name,status', '--url', server.url)
  expect(JSON.parse(agents.stdout)).toEqual([{ name: 'ada', status: 'active' }])
})

test('a list is a bounded page that tells of more rows, and --all reads the other pages', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  for (const title of ['a', 'b', 'c']) await client.tasks.create({ type: 'code', title })
  const page = await tony('tasks', 'ls', '--limit', '2', '--json', 'title', '--url', server.url)
  expect(JSON.parse(page.stdout)).toEqual([{ title: 'a' }, { title: 'b' }])
  expect(page.stderr).toBe('there are more: use --limit or --all\n')
  const all = await tony('tasks', 'ls', '--all', '--json', 'title', '--url', server.url)
  expect([JSON.parse(all.stdout).length, all.stderr]).toEqual([3, ''])
  const none = await tony('dlq', 'ls', '--url', server.url)
  expect(none).toEqual({ code: 0, stdout: '', stderr: 'no dead letters\n' })
  const unknown = await tony('tasks', 'ls', '--json', 'titel', '--url', server.url)
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringContaining('--json has no field "titel": the fields'),
  ])
  expect(await tony('tasks', 'show', '--url', server.url)).toMatchObject({
    code: 2,
    stderr: 'error: missing required argument <task>\n',
  })
})

test('a destructive verb needs a confirmation, and a token of a dry run confirms the listed effects and nothing else', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const added = await on('tasks', 'add', 'first', '--epic', 'e')
  const first = added.stdout.trim()
  const refused = await on('tasks', 'cancel', '--epic', 'e')
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).not.toMatch(/tony-mcp|--yes/)
  const dry = JSON.parse((await on('tasks', 'cancel', '--epic', 'e', '--dry-run', '--json')).stdout)
  expect(dry).toEqual({ dryRun: true, effects: [{ id: first, text: 'pending  first' }], confirm: expect.any(String) })
  await on('tasks', 'add', 'second', '--epic', 'e')
  expect(await on('tasks', 'cancel', '--epic', 'e', '--confirm', dry.confirm)).toMatchObject({ code: 5, stdout: '' })
  expect((await on('tasks', 'cancel', first, '--confirm', dry.confirm)).stdout).toBe('cancelled 1 tasks\n')
  const { tasks } = await server.connect().tasks.list({ status: 'cancelled' })
  expect(tasks.map(({ title }) => title)).toEqual(['first'])
  expect((await on('tasks', 'cancel', '--epic', 'e', '--yes', '--json')).stdout).toContain('"more":false')
})

test('a token of a dry run confirms nothing once a listed task has another status', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const ada = await server.agent('ada')
  const taskId = (await on('tasks', 'add', 'parse it')).stdout.trim()
  const { confirm } = JSON.parse((await on('tasks', 'cancel', taskId, '--dry-run', '--json')).stdout)
  await claimOne(ada)
  expect(await on('tasks', 'cancel', taskId, '--confirm', confirm)).toMatchObject({ code: 5, stdout: '' })
  expect((await server.connect().tasks.get({ taskId })).status).toBe('in_progress')
})

test('a message is sent by name and read by its recipient, and a dead one is redriven', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const ada = await server.agent('ada')
  const sent = await on('messages', 'send', 'ada', 'the build is red')
  const message = await receiveOne(ada)
  expect(message).toMatchObject({ payload: 'the build is red', type: 'note' })
  expect(sent.stdout.trim()).toBe(message.id)
  await ada.messages.term({ messageId: message.id, receipt: message.receipt, error: 'no' })
  expect((await on('dlq', 'ls')).stdout).toMatch(new RegExp(`${message.id} +the developer +ada .*term: no`))
  expect((await on('dlq', 'redrive', message.id)).stdout).toBe('returned 1 messages\n')
  expect(await receiveOne(ada)).toMatchObject({ id: message.id })
})

test('watch prints the events of the feed as lines of JSON, and the cursor to go on from', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  await on('tasks', 'add', 'first')
  const watched = await on(
    'watch',
    '--from',
    'start',
    '--type',
    'task.created',
    '--limit',
    '1',
    '--json',
    'type,cursor',
  )
  const { type, cursor } = JSON.parse(watched.stdout)
  expect([watched.code, type, watched.stderr]).toEqual([0, 'task.created', `go on with --from ${cursor}\n`])
  expect(await on('watch', '--from', cursor, '--timeout', '1s')).toMatchObject({ code: 124, stdout: '' })
})

test('an API key is created, listed and revoked', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const created = JSON.parse((await on('keys', 'create', 'ci', '--role', 'developer', '--life', '1d', '--json')).stdout)
  expect(created).toMatchObject({ name: 'ci', roleCeiling: 'developer' })
  expect((await on('keys', 'ls')).stdout).toMatch(new RegExp(`${created.keyId} +ci +developer`))
  expect(await on('keys', 'revoke', created.keyId)).toMatchObject({ code: 2 })
  expect((await on('keys', 'revoke', created.keyId, '--yes')).stdout).toContain('is revoked')
})

test('an answer goes to the question of one attempt, and the command prints that question', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const ada = await server.agent('ada')
  const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
  const ask = async (question: string) => {
    const { leaseToken, input } = await claimOne(ada)
    await ada.tasks.requestInput({ taskId, leaseToken, question })
    return input?.answer
  }
  await ask('Which layout?')
  expect((await on('explain', taskId)).stdout).toContain('attempt 1 waits for an answer: Which layout?')
  expect(await on('tasks', 'answer', taskId, 'The second')).toMatchObject({
    code: 0,
    stdout: `${taskId}  pending  question of attempt 1: Which layout?\n`,
  })
  expect(await ask('Which colour?')).toBe('The second')
  const late = await on('tasks', 'answer', taskId, 'The third', '--attempt', '1')
  expect(late).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining('is in attempt 2') })
  const answered = await on('tasks', 'answer', taskId, '{"rgb":"00f"}', '--attempt', '2', '--json', 'status,question')
  expect(JSON.parse(answered.stdout)).toEqual({ status: 'pending', question: 'Which colour?' })
  expect(await ask('And the border?')).toEqual({ rgb: '00f' })
})
