import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { command, program } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const { folder, tony, remove } = command()
afterAll(remove)

mkdirSync(join(folder, 'node_modules/@tony'), { recursive: true })
symlinkSync(fileURLToPath(new URL('../../client', import.meta.url)), join(folder, 'node_modules/@tony/mcp-client'))

/** Starts a command that runs until it is stopped. Its output is read line by line. */
function going(...argv: string[]): { child: ChildProcess; line: () => Promise<string>; ended: Promise<unknown[]> } {
  const child = spawn(process.execPath, [program, ...argv], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  const line = async (): Promise<string> => {
    while (!text.includes('\n')) text += String((await once(child.stdout, 'data'))[0])
    const [first = '', ...rest] = text.split('\n')
    text = rest.join('\n')
    return first
  }
  return { child, line, ended: once(child, 'exit') }
}

test('a new plugin passes its own tests and runs', async () => {
  await using server = await TestServer.start()
  const made = await tony('plugin', 'new', 'words')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toContain('words is a plugin')
  const tested = await tony('plugin', 'test', 'words')
  expect(tested.stdout).toContain('counts the words of a text')
  expect(tested).toMatchObject({ code: 0 })

  const { child, line, ended } = going('plugin', 'run', 'words/plugin.js', '--url', server.url)
  expect(await line()).toMatch(/^words 0\.1\.0 is running as agent /)
  const lead = server.connect()
  expect(await lead.requests.route({ method: 'words.count', params: { text: 'a b' } })).toMatchObject({
    ok: true,
    result: { words: 2 },
  })
  child.kill('SIGTERM')
  expect(await line()).toBe('SIGTERM: waiting for the running requests')
  expect(await ended).toEqual([0, null])
  expect((await lead.agents.get({ agent: 'words' })).capabilities).toEqual([])
  expect(existsSync(join(folder, '.tony/plugins/words.json'))).toBe(true)
})

test('a failing test of a plugin decides the exit code', async () => {
  mkdirSync(join(folder, 'failing'))
  writeFileSync(
    join(folder, 'failing/a.test.js'),
    "require('node:test').test('fails', () => { throw new Error('no') })",
  )
  expect(await tony('plugin', 'test', 'failing')).toMatchObject({ code: 1 })
})

test('a plugin of 2.7 runs unchanged, and is uninstalled on request', async () => {
  await using server = await TestServer.start()
  const file = fileURLToPath(new URL('legacy/counter.mjs', import.meta.url))
  const run = ['plugin', 'run', file, '--url', server.url] as const
  const { child, line, ended } = going(...run)
  await line()
  const lead = server.connect()
  const { result } = await lead.requests.route({ method: 'plugin.execute', target: 'counter' })
  expect(result).toEqual({ count: 1, hooks: ['install', 'activate'] })
  child.kill('SIGINT')
  await ended
  expect(await tony(...run, '--uninstall')).toMatchObject({ code: 0, stdout: 'counter 0.4.0 is uninstalled\n' })
  expect((await lead.agents.list({})).agents).toEqual([])
})

test('a fault is one line and an exit code', async () => {
  await using server = await TestServer.start()
  writeFileSync(join(folder, 'empty.mjs'), 'export const nothing = 1')
  writeFileSync(
    join(folder, 'future.mjs'),
    "export default { name: 'future', version: '1.0.0', minTonyVersion: '9.0.0' }",
  )
  const run = (file: string) => tony('plugin', 'run', file, '--url', server.url)
  expect(await run('empty.mjs')).toMatchObject({
    code: 2,
    stderr: 'empty.mjs exports no plugin: export it by default\n',
  })
  expect(await run('future.mjs')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('needs Tony 9.0.0 or newer'),
  })
  expect(await run('absent.mjs')).toMatchObject({ code: 1, stderr: expect.stringContaining('absent.mjs') })
  expect(await tony('plugin', 'new', 'Not a name')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not a valid name'),
  })
  expect(await tony('plugin', 'new', 'other', '--to', '.')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not empty'),
  })
})
