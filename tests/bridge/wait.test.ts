import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

interface Waiting {
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

function wait(server: TestServer, ...argv: string[]): Waiting {
  const child = spawn(process.execPath, [program, 'wait', '--url', server.url, ...argv])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => {
    stdout += String(data)
  })
  child.stderr.on('data', (data: Buffer) => {
    stderr += String(data)
  })
  return { ended: once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr })) }
}

test('a ready task is named at once and stays claimable', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id: taskId } = await lead.tasks.create({ type: 'code', title: 'for another' })
  expect(await wait(server, '--for', 'task').ended).toEqual({ code: 0, stdout: `task ${taskId}\n`, stderr: '' })
  const { code, stdout } = await wait(server, '--for', 'task', '--json').ended
  expect({ code, found: JSON.parse(stdout) }).toEqual({
    code: 0,
    found: { for: 'task', taskId, type: 'code', priority: 'normal' },
  })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'pending', attempt: 0 })
})

test('a new task ends the wait, and a task for another agent does not', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await server.agent('ada', { capabilities: ['rust'] })
  await lead.tasks.create({ type: 'code', requires: ['cobol'] })
  const { ended } = wait(server, '--for', 'task', '--agent', 'ada')
  const other = wait(server, '--for', 'task', '--agent', 'ada', '--timeout', '1s')
  expect((await other.ended).code).toBe(124)
  const { id: taskId } = await lead.tasks.create({ type: 'code', requires: ['rust'] })
  expect(await ended).toMatchObject({ code: 0, stdout: `task ${taskId}\n` })
})

test('a message is reported without a delivery, to the agent whose token is in the file', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  const bob = await server.agent('bob')
  const file = join(server.folder, 'token')
  writeFileSync(file, ada.token, { mode: 0o600 })
  const { ended } = wait(server, '--for', 'message', '--token-file', file)
  const other = wait(server, '--for', 'message', '--token-file', file, '--timeout', '1s')
  expect((await other.ended).code).toBe(124)
  const { id } = await bob.messages.send({ to: 'ada', type: 'note', payload: 'hello' })
  expect(await ended).toEqual({ code: 0, stdout: `message ${id} from ${bob.id}\n`, stderr: '' })
  expect(await ada.messages.get({ messageId: id })).toMatchObject({ status: 'pending', attempt: 0 })
})

test('the exit code after the time is 124, and nothing is printed', async () => {
  await using server = await TestServer.start()
  await server.agent('ada')
  expect(await wait(server, '--for', 'message', '--agent', 'ada', '--timeout', '1s').ended).toEqual({
    code: 124,
    stdout: '',
    stderr: '',
  })
})

test('an unknown kind of wait is refused as wrong input', async () => {
  await using server = await TestServer.start()
  expect(await wait(server, '--for', 'peace').ended).toMatchObject({ code: 2, stdout: '' })
  expect(await wait(server, '--for', 'task', '--timeout', 'long').ended).toMatchObject({ code: 2 })
  expect(await wait(server, '--for', 'message', '--agent', 'nobody').ended).toMatchObject({ code: 3 })
})

test('the wait for a server that refuses connections ends before its time', async () => {
  const child = spawn(process.execPath, [
    program,
    'wait',
    '--for',
    'task',
    '--timeout',
    '1h',
    '--url',
    'http://127.0.0.1:9',
  ])
  await once(child, 'close')
  expect(child.exitCode).toBe(69)
})
