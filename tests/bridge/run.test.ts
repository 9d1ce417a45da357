import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'
import { Runner } from './runner.ts'

const within = { interval: 50 }

const statusOf = (server: TestServer, taskId: string) => async () =>
  (await server.connect().tasks.get({ taskId })).status

const here = (server: TestServer, name: string): string => join(server.folder, name)

test('a command that exits with 0 completes its task with the contents of the result file, and gets all of the task except its lease', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code', title: 'mend it' })
  const script = `cp "$TONY_TASK_FILE" seen.json; env > env.txt; echo '{ "mended": true }' > "$TONY_RESULT_FILE"`
  await using _ = new Runner(server, script)
  await expect.poll(statusOf(server, taskId), within).toBe('completed')
  expect(await lead.tasks.get({ taskId })).toMatchObject({ result: { mended: true }, attempt: 1 })
  const task = JSON.parse(readFileSync(here(server, 'seen.json'), 'utf8'))
  expect(task).toMatchObject({ id: taskId, title: 'mend it' })
  expect(task).not.toHaveProperty('leaseToken')
  const env = readFileSync(here(server, 'env.txt'), 'utf8')
  expect(env).toContain(`TONY_TASK_ID=${taskId}`)
  expect(env).toContain('SECRETLY=kept')
  expect(env).not.toContain('TONY_TOKEN')
  const [, folder = ''] = /TONY_TASK_FILE=(.+)\/task\.json/.exec(env) ?? []
  await expect.poll(() => existsSync(folder), within).toBe(false)
})

test('a command that exits with another code fails the attempt with the end of its output', async () => {
  await using server = await TestServer.start()
  const { id: taskId } = await server.connect().tasks.create({ type: 'code', maxAttempts: 1 })
  await using _ = new Runner(server, 'echo it is broken >&2; exit 3')
  await expect.poll(statusOf(server, taskId), within).toBe('failed')
  expect(await server.connect().tasks.get({ taskId })).toMatchObject({
    error: 'sh exited with 3: it is broken',
    failures: 1,
  })
})

test('a result file states the reason of a failure, and if it is retryable', async () => {
  await using server = await TestServer.start()
  const { id: taskId } = await server.connect().tasks.create({ type: 'code', maxAttempts: 5 })
  const result = '{ "error": "no such branch", "retryable": false }'
  await using _ = new Runner(server, `echo '${result}' > "$TONY_RESULT_FILE"; exit 1`)
  await expect.poll(statusOf(server, taskId), within).toBe('failed')
  expect(await server.connect().tasks.get({ taskId })).toMatchObject({ error: 'no such branch', failures: 1 })
})

test('a result that is not JSON fails the task with a message', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const first = await lead.tasks.create({ type: 'code' })
  await using runner = new Runner(server, 'echo done > "$TONY_RESULT_FILE"')
  await expect.poll(statusOf(server, first.id), within).toBe('failed')
  expect((await lead.tasks.get({ taskId: first.id })).error).toBe('the result file is not JSON')
  runner.signal('SIGTERM')
  expect(await runner.ended()).toBe(0)
})

test('a cancelled task ends its command by a signal and then a kill, with all its child processes', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  // The command and its child process ignore the first signal.
  const script = `trap 'echo asked >> signals' TERM; (trap '' TERM; sleep 300) & echo $! > inner; echo $$ > outer; while :; do sleep 0.1; done`
  await using _ = new Runner(server, script, '--grace', '1s')
  await expect.poll(() => existsSync(here(server, 'outer')), within).toBe(true)
  await lead.tasks.cancel({ taskId })
  const pids = () => ['inner', 'outer'].map((name) => Number(readFileSync(here(server, name), 'utf8')))
  await expect.poll(() => pids().some(isAlive), within).toBe(false)
  expect(readFileSync(here(server, 'signals'), 'utf8')).toBe('asked\n')
  expect(await statusOf(server, taskId)()).toBe('cancelled')
})

function isAlive(pid: number): boolean {
  // A process that has ended and that its parent has not waited for yet is not alive.
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'))
}

test('SIGTERM stops new claims, finishes the running tasks, unregisters, and exits with 0', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  await using runner = new Runner(server, 'touch begun; while [ ! -e go ]; do sleep 0.1; done', '--name', 'runner')
  await expect.poll(() => existsSync(here(server, 'begun')), within).toBe(true)
  runner.signal('SIGTERM')
  await expect.poll(() => runner.said, within).toContain('waiting for the running tasks')
  const later = await lead.tasks.create({ type: 'code' })
  writeFileSync(here(server, 'go'), '')
  expect(await runner.ended()).toBe(0)
  expect(await statusOf(server, taskId)()).toBe('completed')
  expect(await statusOf(server, later.id)()).toBe('pending')
  const { agents } = await lead.agents.list({})
  expect(agents.filter(({ name, status }) => name === 'runner' && status !== 'offline')).toEqual([])
})

test('a second SIGTERM releases the running tasks at once, without a failure', async () => {
  await using server = await TestServer.start()
  const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
  await using runner = new Runner(server, 'echo $$ > outer; sleep 300', '--grace', '1s')
  await expect.poll(() => existsSync(here(server, 'outer')), within).toBe(true)
  runner.signal('SIGTERM')
  await expect.poll(() => runner.said, within).toContain('waiting for the running tasks')
  runner.signal('SIGTERM')
  await expect.poll(statusOf(server, taskId), within).toBe('pending')
  expect(await runner.ended()).toBe(0)
  expect(isAlive(Number(readFileSync(here(server, 'outer'), 'utf8')))).toBe(false)
  expect((await server.connect().tasks.get({ taskId })).failures).toBe(0)
})

test('as many tasks run at the same time as there are slots, and heartbeats keep their leases', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [1, 2, 3].map((n) => ({ type: 'code', title: `${n}` })) })
  const script = 'touch "begun-$TONY_TASK_ID"; while [ ! -e go ]; do sleep 0.1; done'
  await using _ = new Runner(server, script, '--slots', '2', '--lease', '20s')
  const counts = async () => {
    const { tasks } = await lead.tasks.list({})
    return tasks.map(({ status }) => status).sort()
  }
  await expect.poll(counts, within).toEqual(['in_progress', 'in_progress', 'pending'])
  const until = async () => (await lead.tasks.list({ status: 'in_progress' })).tasks.map((task) => task.leaseExpiresAt)
  for (let passed = 0; passed < 60_000; passed += 15_000) {
    const before = await until()
    server.clock.advance(15_000)
    await expect.poll(async () => (await until()).every((at) => !before.includes(at)), within).toBe(true)
    await server.sweep()
  }
  expect(await counts()).toEqual(['in_progress', 'in_progress', 'pending'])
  writeFileSync(here(server, 'go'), '')
  await expect.poll(counts, within).toEqual(['completed', 'completed', 'completed'])
})

test('a revoked session is reported, ends its command, and exits with 4', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code' })
  await using runner = new Runner(server, 'echo $$ > outer; sleep 300', '--grace', '1s', '--name', 'runner')
  await expect.poll(() => existsSync(here(server, 'outer')), within).toBe(true)
  await lead.auth.revoke({ agent: 'runner' })
  expect(await runner.ended()).toBe(4)
  expect(runner.said).toContain('TOKEN_REVOKED')
  expect(runner.said).not.toContain('Warning')
  expect(isAlive(Number(readFileSync(here(server, 'outer'), 'utf8')))).toBe(false)
})

test('a second SIGTERM ends the process without a server too', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  await server.connect().tasks.create({ type: 'code' })
  await using runner = new Runner(server, 'echo $$ > outer; sleep 300', '--grace', '1s', '--url', hop.url)
  await expect.poll(() => existsSync(here(server, 'outer')), within).toBe(true)
  hop.refuse()
  hop.cut()
  runner.signal('SIGTERM')
  await expect.poll(() => runner.said, within).toContain('waiting for the running tasks')
  runner.signal('SIGTERM')
  expect(await runner.ended()).toBe(0)
  expect(isAlive(Number(readFileSync(here(server, 'outer'), 'utf8')))).toBe(false)
})
