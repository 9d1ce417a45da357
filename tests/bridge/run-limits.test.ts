import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { InstantEnds } from '../../cli/src/run/instant-ends.ts'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'
import { Runner } from './runner.ts'

/** Runs `tony-mcp run` to its end. */
async function run(server: TestServer, ...argv: string[]) {
  const { tony, remove } = command()
  const ended = await tony('run', '--url', server.url, '--name', 'runner', ...argv)
  remove()
  return ended
}

test('run ends with 127 for a command that does not exist, before it registers or takes a task', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  for (const name of ['no-such-command', '/no/such/command']) {
    const { code, stderr } = await run(server, '--', name)
    expect(stderr).toBe(`tony-mcp run: ${name} is not found or not executable; no task was taken\n`)
    expect(code).toBe(127)
  }
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', attempt: 0 })
  expect((await lead.agents.list({})).agents).toEqual([])
})

test('a command that cannot be started releases its task without a failure and ends the run', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
  const script = join(server.folder, 'broken')
  writeFileSync(script, '#!/no/such/interpreter\n')
  chmodSync(script, 0o755)
  const { code, stderr } = await run(server, '--', script)
  expect(stderr).toContain('ENOENT')
  expect(code).toBe(1)
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', failures: 0 })
})

test('run ends with 4 and the reason for a type whose role takes no tasks', async () => {
  await using server = await TestServer.start()
  const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
  const { code, stderr } = await run(server, '--type', 'no-such-type', '--', 'true')
  expect(stderr).toContain('an agent of the type "no-such-type" has the role observer, which takes no tasks')
  expect(code).toBe(4)
  expect(await server.connect().tasks.get({ taskId })).toMatchObject({ attempt: 0 })
})

test('run ends after one task or after a number of tasks, and leaves the others', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: Array.from({ length: 4 }, () => ({ type: 'code' })) })
  const script = ['--', 'sh', '-c', 'echo 1 > "$TONY_RESULT_FILE"']
  expect(await run(server, '--once', ...script)).toMatchObject({ code: 0 })
  const count = async (status: 'completed' | 'pending') => (await lead.tasks.list({ status })).tasks.length
  expect(await count('completed')).toBe(1)
  expect(await run(server, '--max-tasks', '2', '--slots', '4', ...script)).toMatchObject({ code: 0 })
  expect([await count('completed'), await count('pending')]).toEqual([3, 1])
  const { tasks } = await lead.tasks.list({})
  expect(tasks.filter(({ failures }) => failures > 0)).toEqual([])
})

test('the first SIGTERM during the only task of run --once waits for its command', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const script = 'touch begun; while [ ! -e go ]; do sleep 0.1; done; echo 1 > "$TONY_RESULT_FILE"'
  await using runner = new Runner(server, script, '--once')
  await expect.poll(() => existsSync(join(server.folder, 'begun')), { interval: 20 }).toBe(true)
  runner.signal('SIGTERM')
  await expect.poll(() => runner.said, { interval: 20 }).toContain('waiting for the running tasks')
  writeFileSync(join(server.folder, 'go'), '')
  expect(await runner.ended()).toBe(0)
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'completed', result: 1 })
})

test('the pause doubles up to one minute, and a result or a longer command ends it', () => {
  const ends = new InstantEnds()
  const instant = { ms: 10, isEmpty: true, how: 'exit 3' }
  const pauses = Array.from({ length: 10 }, () => {
    ends.record(instant)
    return ends.pauseMs / 1_000
  })
  expect(pauses).toEqual([0, 0, 1, 2, 4, 8, 16, 32, 60, 60])
  for (const useful of [{ isEmpty: false }, { ms: 1_000 }]) {
    ends.record({ ...instant, ...useful })
    expect(ends.pauseMs).toBe(0)
    for (let n = 0; n < 3; n += 1) ends.record(instant)
    expect(ends.pauseMs).toBe(1_000)
  }
})

test.each([
  ['fail', 'echo no such file >&2; exit 3', 'exit 3: no such file'],
  ['leave no result', 'exit 0', 'exit 0'],
])('commands that %s at once are slowed down, and the log has the reason', async (_, script, reason) => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: Array.from({ length: 100 }, () => ({ type: 'code', maxAttempts: 1 })) })
  await using runner = new Runner(server, script)
  const pause = `3 commands in a row ended at once (${reason}): the next one starts in 1 s`
  await expect.poll(() => runner.said, { interval: 20, timeout: 60_000 }).toContain(pause)
  runner.signal('SIGTERM')
  expect(await runner.ended()).toBe(0)
  expect(runner.said).toMatch(new RegExp(`task \\S+: ${reason}\n`))
  const { tasks } = await lead.tasks.list({})
  expect(tasks.filter(({ attempt }) => attempt === 0)).not.toEqual([])
  expect(tasks.filter(({ status }) => status === 'in_progress')).toEqual([])
})
