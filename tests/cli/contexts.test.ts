import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const home = mkdtempSync(join(tmpdir(), 'tony-contexts-'))
const { tonyWith, remove } = command()
afterAll(() => {
  remove()
  rmSync(home, { recursive: true, force: true })
})

/** Returns the command of a user with settings of their own. */
const userOf = (name: string) => tonyWith({ XDG_CONFIG_HOME: join(home, name) })

test('commands call the server of the context in use, whose file only its user reads', async () => {
  await using server = await TestServer.start()
  await server.connect().projects.create({ name: 'web' })
  const user = userOf('ada')
  expect(await user('context', 'ls')).toEqual({ code: 0, stdout: '', stderr: 'no contexts\n' })
  await user('context', 'add', 'here', '--url', server.url, '--project', 'web')
  await user('context', 'add', 'there', '--url', 'http://127.0.0.1:1')
  const file = join(home, 'ada', 'tony-mcp', 'contexts.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await user('tasks', 'add', 'hello')).toMatchObject({ code: 0 })
  expect((await server.connect({ project: 'web' }).tasks.list({})).tasks).toHaveLength(1)
  expect(await user('tasks', 'ls', '--context', 'there')).toMatchObject({ code: 69 })
  await user('context', 'use', 'there')
  const listed = JSON.parse((await user('context', 'ls', '--json', 'name,current')).stdout)
  expect(listed).toEqual([
    { name: 'here', current: false },
    { name: 'there', current: true },
  ])
  await user('context', 'rm', 'there')
  const absent = await user('tasks', 'ls', '--context', 'there')
  expect([absent.code, absent.stderr]).toEqual([3, 'there is no context "there": there are here\n'])
})

test('an option goes before its variable, which goes before the context, and config show tells the origins', async () => {
  const user = userOf('bob')
  await user('context', 'add', 'saved', '--url', 'http://saved:1', '--project', 'web')
  const originsOf = async (run: typeof user, ...argv: string[]) =>
    JSON.parse((await run('config', 'show', '--origin', '--json', ...argv)).stdout)
  expect(await originsOf(user)).toMatchObject({
    url: { value: 'http://saved:1', origin: 'context saved' },
    project: { value: 'web', origin: 'context saved' },
    token: { value: null, origin: 'default' },
  })
  const variables = tonyWith({
    XDG_CONFIG_HOME: join(home, 'bob'),
    TONY_MCP_URL: 'http://variable:1',
    TONY_TOKEN: 'tck_secret',
  })
  const byVariable = await originsOf(variables)
  expect(byVariable).toMatchObject({
    url: { value: 'http://variable:1', origin: 'variable TONY_MCP_URL' },
    // The project of the context belongs to its server.
    project: { value: null, origin: 'default' },
    token: { value: 'set, not shown', origin: 'variable TONY_TOKEN' },
  })
  expect(JSON.stringify(byVariable)).not.toContain('tck_secret')
  expect(await originsOf(variables, '--url', 'http://option:1')).toMatchObject({
    url: { value: 'http://option:1', origin: 'option --url' },
  })
  expect((await userOf('nobody')('config', 'show', '--origin')).stdout).toMatch(/url +http:\/\/127.0.0.1:3456 +default/)
})

test('the credential of a context is sent to its own server alone', async () => {
  await using server = await TestServer.start()
  const file = join(home, 'key')
  writeFileSync(file, 'tck_wrong', { mode: 0o600 })
  const user = userOf('eve')
  await user('context', 'add', 'other', '--url', 'http://127.0.0.1:1', '--token-file', file)
  expect(await user('tasks', 'ls', '--url', server.url)).toMatchObject({ code: 0, stderr: 'no tasks\n' })
  await user('context', 'add', 'here', '--url', server.url, '--token-file', file)
  expect(await user('tasks', 'ls', '--context', 'here')).toMatchObject({ code: 4 })
})

test('a broken file of contexts is named', async () => {
  const user = userOf('mallory')
  await user('context', 'add', 'a', '--url', 'http://a:1')
  writeFileSync(join(home, 'mallory', 'tony-mcp', 'contexts.json'), '{')
  const { code, stderr } = await user('context', 'ls')
  expect([code, stderr]).toEqual([2, expect.stringContaining('contexts.json cannot be read')])
  expect(await userOf('x')('context', 'add', 'b', '--url', 'ftp://b')).toMatchObject({ code: 2 })
})
