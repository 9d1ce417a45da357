import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { claimOne, leaseOf } from './api/given.ts'
import { edges, issue, jsonLines } from './plan-file.ts'
import { command, program } from './support/command.ts'
import { TestServer } from './support/server.ts'

const { folder, tony, tonyWith, remove } = command()
afterAll(remove)

let files = 0

/** Returns a function that writes a plan over the one before, as an editor does: by a rename. */
function ownFile(name = `plan-${++files}.jsonl`) {
  const file = join(folder, name)
  const write = (...records: readonly object[]) => writeText(jsonLines(records))
  const writeText = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  return { file, write, writeText }
}

const statusesOf = async (server: TestServer) =>
  Object.fromEntries((await server.connect().tasks.list({})).tasks.map((task) => [task.externalId, task.status]))

test('an import of a newer file follows it and names the kept tasks, and a second one changes nothing', async () => {
  await using server = await TestServer.start()
  const { file, write } = ownFile()
  const to = [file, '--url', server.url]
  write(
    issue('held'),
    issue('closed'),
    issue('off'),
    issue('again', { status: 'closed' }),
    issue('done'),
    issue('text'),
  )
  expect((await tony('import', ...to)).stdout).toContain('created 6, updated 0, unchanged 0')
  const worker = await server.agent('worker')
  await claimOne(worker)
  const lead = server.connect()
  await lead.tasks.cancel({ taskId: (await lead.tasks.get({ taskId: 'done' })).id })
  write(
    ...[
      issue('held', { status: 'closed' }),
      issue('closed', { status: 'closed' }),
      issue('off', { status: 'wontfix' }),
    ],
    ...[issue('again', { priority: 0 }), issue('done')],
    issue('text', {
      title: 'New',
      acceptance_criteria: 'green',
      priority: 1,
      ...edges('text', { waitsFor: ['again'] }),
    }),
  )
  const followed = await tony('import', ...to)
  expect(followed).toMatchObject({ code: 0, stderr: '' })
  expect(followed.stdout.split('\n').slice(2)).toEqual([
    'created 0, updated 5, unchanged 1',
    'kept 2, whose status here differs from the file:',
    '  done is cancelled here and pending in the file',
    '  held is in_progress here and completed in the file',
    '',
  ])
  expect(await statusesOf(server)).toEqual({
    ...{ held: 'in_progress', closed: 'completed', off: 'cancelled' },
    ...{ again: 'pending', done: 'cancelled', text: 'blocked' },
  })
  const text = await lead.tasks.get({ taskId: 'text' })
  expect(text).toMatchObject({ title: 'New', acceptanceCriteria: 'green', priority: 'high' })
  expect((await claimOne(await server.agent('other'))).externalId).toBe('again')
  const before = await lead.tasks.list({})
  const again = JSON.parse((await tony('import', ...to, '--json')).stdout)
  expect(again).toMatchObject({ created: 0, updated: 0, unchanged: 6, kept: { total: 2 } })
  expect(again.kept.tasks).toContainEqual({ externalId: 'held', status: 'in_progress', planned: 'completed' })
  expect(await lead.tasks.list({})).toEqual(before)
})

/** Starts `import --watch`. `line` waits for a line of its output that contains a text. */
function watch(server: TestServer, file: string) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [
    ...[program, 'import', '--watch', file, '--url', server.url],
  ])
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const arrived = new EventTarget()
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (text) => {
      lines.push(text)
      arrived.dispatchEvent(new Event('line'))
    })
  let read = 0
  const line = async (text: string): Promise<string> => {
    for (;;) {
      for (; read < lines.length; read += 1) {
        const found = lines[read] ?? ''
        if (!found.includes(text)) continue
        read += 1
        return found
      }
      await once(arrived, 'line')
    }
  }
  return { child, line }
}

test('watch waits for the file, follows each change, refuses a half-written one whole, and ends with 130', async () => {
  await using server = await TestServer.start()
  const { file, write, writeText } = ownFile()
  const { child, line } = watch(server, file)
  await line('is absent: waiting for it')
  write(issue('a'), issue('b', edges('b', { waitsFor: ['a'] })))
  await line('created 2, updated 0')
  await line('watching')
  writeText(`${jsonLines([issue('a', { status: 'closed' })])}{"id":"b",`)
  expect(await line('is not JSON')).toContain(`${file}:2`)
  await line('watching')
  expect(await statusesOf(server)).toEqual({ a: 'pending', b: 'blocked' })
  write(issue('a', { status: 'closed' }), issue('b', edges('b', { waitsFor: ['a'] })))
  await line('updated 1, unchanged 1')
  expect(await statusesOf(server)).toEqual({ a: 'completed', b: 'pending' })
  rmSync(file)
  await line('is absent: waiting for it')
  write(issue('a'), issue('b', { title: 'new' }), issue('c'))
  await line('created 1, updated 2')
  await line('watching')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
  expect(await statusesOf(server)).toEqual({ a: 'pending', b: 'pending', c: 'pending' })
})

test('watch ends at once without a permission, and standard input cannot be watched', async () => {
  const { file, write } = ownFile()
  write(issue('a'))
  await using server = await TestServer.start()
  const denied = await tonyWith({ TONY_TOKEN: 'none' })('import', '--watch', file, '--url', server.url)
  expect(denied).toMatchObject({ code: 4, stderr: expect.stringContaining('UNAUTHENTICATED') })
  expect(await tony('import', '--watch', '-')).toMatchObject({
    ...{ code: 2, stderr: 'standard input: cannot be watched: name a file\n' },
  })
})

test('a dry run and an import have the same refusals, with the same words and exit code', async () => {
  await using server = await TestServer.start()
  const { file, writeText } = ownFile()
  const cyclic = [issue('a', edges('a', { waitsFor: ['b'] })), issue('b', edges('b', { waitsFor: ['a'] }))]
  for (const [text, more] of [
    ['', []],
    ['{"id":', []],
    [jsonLines([issue('a'), issue('a')]), []],
    [jsonLines(cyclic), []],
    [jsonLines(cyclic), ['--skip-bad']],
    [jsonLines([issue('a', edges('a', { waitsFor: ['gone'] }))]), ['--strict']],
    [jsonLines([issue('a', { title: 'a\0' })]), []],
    [jsonLines([issue('a', { x: Array(9_990).fill(1) }), issue('b', { x: Array(9_990).fill(1) })]), []],
    [JSON.stringify({ tasks: [] }), []],
    ['- [ ] a', ['--format', 'beads']],
  ] as const) {
    writeText(text)
    const dry = await tony('import', file, '--dry-run', ...more)
    const real = await tony('import', file, '--url', server.url, ...more)
    expect([text.slice(0, 60), real.code, real.stderr]).toEqual([text.slice(0, 60), dry.code, dry.stderr])
  }
})

test('leases survive an import that follows', async () => {
  await using server = await TestServer.start()
  const { file, write } = ownFile()
  write(issue('a'))
  await tony('import', file, '--url', server.url)
  const worker = await server.agent('worker')
  const lease = leaseOf(await claimOne(worker))
  write(issue('a', { status: 'tombstone', title: 'x' }))
  await tony('import', file, '--url', server.url)
  expect(await worker.tasks.complete(lease)).toMatchObject({ status: 'completed' })
})
