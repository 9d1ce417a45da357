import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { afterAll, expect, test } from 'vitest'
import { procedureInputs } from '../../cli/src/generated/procedures.ts'
import { command, program } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const { tony, tonyWith, remove } = command()
afterAll(remove)

test('api knows every procedure of the router and lists them', async () => {
  expect(Object.keys(procedureInputs)).toEqual([...procedures.keys()])
  const { stdout } = await tony('api')
  for (const procedure of procedures.keys()) expect(stdout).toContain(`\n${procedure} `)
})

test('api takes its input as JSON, from standard input and as options with dotted names', async () => {
  await using server = await TestServer.start()
  const on = tonyWith({ TONY_MCP_URL: server.url })
  const created = await on(
    'api',
    'tasks.create',
    '{"type":"code"}',
    '--title',
    'hello',
    '--requires',
    'a',
    '--requires',
    'b',
  )
  expect([created.code, created.stderr]).toEqual([0, ''])
  const task = JSON.parse(created.stdout)
  expect(task).toMatchObject({ type: 'code', title: 'hello', requires: ['a', 'b'] })
  const updated = await on('api', 'tasks.update', '--task-id', task.id, '--expectedRevision', '1', '--title', 'null')
  expect([updated.code, updated.stderr]).toEqual([0, ''])
  expect((await server.connect().tasks.get({ taskId: task.id })).title).toBeNull()
  const argv = ['api', '--url', server.url, 'tasks.cancelMany', '-', '--filter.type', 'code']
  const running = promisify(execFile)(process.execPath, [program, ...argv])
  running.child.stdin?.end('{"reason":"over"}')
  expect(JSON.parse((await running).stdout)).toEqual({ taskIds: [task.id], more: false })
  const reply = await on('api', 'system.info', '--json', 'name,mode')
  expect(JSON.parse(reply.stdout)).toEqual({ name: 'tony-mcp', mode: 'dev' })
})

test('api prints a stream as lines of JSON until its timeout', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code' })
  const { code, stdout } = await tony(
    'api',
    'events.subscribe',
    '--cursor',
    'start',
    '--timeout',
    '2s',
    '--url',
    server.url,
  )
  const lines = stdout.trim().split('\n')
  expect([code, lines.map((line) => JSON.parse(line).type)]).toEqual([124, expect.arrayContaining(['task.created'])])
})

test.each([
  [['tasks.creat'], 'there is no procedure tasks.creat: there are tasks.create'],
  [['tasks.list', '--statu', 'pending'], 'tasks.list has no field "statu": it has status,'],
  [['tasks.list', '--status', 'done'], '--status takes one of blocked,'],
  [['tasks.list', '--limit', ''], '--limit takes a number, not ""'],
  [['tasks.create', '--metadata', 'text'], '--metadata takes JSON'],
  [['tasks.list', '[]'], 'the input is no JSON object'],
  [['tasks.list', '--limit'], '--limit needs a value'],
])('api %j is refused with exit code 2 before any call', async (argv, says) => {
  const { code, stdout, stderr } = await tony('api', ...argv, '--url', 'http://127.0.0.1:1')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(says)
})
