import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { command, program } from './support/command.ts'
import { freePort } from './support/free-port.ts'
import { TestServer } from './support/server.ts'

const sample = fileURLToPath(new URL('../plans/sample.jsonl', import.meta.url))
const { folder, tony, remove } = command()
afterAll(remove)

test('import publishes the tasks of a plan, and a second import changes nothing', async () => {
  await using server = await TestServer.start()
  const first = await tony('import', sample, '--replay', '--json', '--url', server.url)
  expect(first).toMatchObject({ code: 0 })
  expect(JSON.parse(first.stdout)).toMatchObject({ format: 'beads', created: 63, updated: 0, unchanged: 0 })
  const again = await tony('import', sample, '--replay', '--url', server.url)
  expect(again.stdout).toContain('created 0, updated 0, unchanged 63')
  const { tasks } = await server.connect().tasks.list({ limit: 500 })
  expect(tasks).toHaveLength(63)
})

test('a dry run reads the plan and changes nothing, without a server', async () => {
  const { code, stdout } = await tony('import', sample, '--dry-run')
  expect(code).toBe(0)
  expect(stdout).toContain('63 tasks, 95 dependencies in 17 levels')
  expect(stdout).toContain('nothing was changed')
})

test('a plan is read from standard input', () => {
  const input = readFileSync(sample)
  const output = execFileSync(process.execPath, [program, 'import', '-', '--dry-run'], { input, encoding: 'utf8' })
  expect(output).toContain('63 tasks, 95 dependencies in 17 levels')
})

test('a line that is not JSON is named by its number, and nothing is imported', async () => {
  await using server = await TestServer.start()
  const file = join(folder, 'broken.jsonl')
  writeFileSync(file, '{"id":"a","issue_type":"task","title":"one"}\n{"id":"b",\n')
  const { code, stderr } = await tony('import', file, '--url', server.url)
  expect(code).toBe(2)
  expect(stderr).toContain('broken.jsonl:2')
  expect((await server.connect().tasks.list()).tasks).toEqual([])
})

test('an unknown project is exit code 3', async () => {
  await using server = await TestServer.start()
  const { code, stderr } = await tony('import', sample, '--url', server.url, '--project', 'nowhere')
  expect(stderr).toContain('nowhere')
  expect(code).toBe(3)
})

test('a serve that cannot start prints the reason in one line', async () => {
  process.env['MCP_PEPPER_FILE'] = 'absent'
  const { code, stderr } = await tony('serve')
  delete process.env['MCP_PEPPER_FILE']
  expect(code).toBe(1)
  expect(stderr).toBe('MCP_PEPPER_FILE: absent cannot be read\n')
})

test('an unknown command is reported with exit code 2', async () => {
  const { code, stderr } = await tony('explode')
  expect(code).toBe(2)
  expect(stderr).toContain("unknown command 'explode'")
})

test('wrong arguments are exit code 2, and the help and the version are 0', async () => {
  for (const argv of [['import'], ['wait', '--for', 'nothing'], ['import', '--nothing', sample], ['mcp', 'explode']])
    expect([argv, (await tony(...argv)).code]).toEqual([argv, 2])
  const help = await tony('--help')
  expect(help.code).toBe(0)
  expect(help.stdout).toContain('69   the server cannot be reached')
  expect(await tony('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
})

test('a server that is not there is exit code 69 at once, with the cause', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  for (const argv of [
    ['import', sample, '--url', url],
    ['wait', '--for', 'task', '--timeout', '1h', '--url', url],
    ['projects', 'ls', '--url', url],
  ]) {
    const { code, stderr } = await tony(...argv)
    expect([argv[0], code]).toEqual([argv[0], 69])
    expect(stderr).toContain('the connection is refused')
  }
})

test('a wait for an unknown agent is exit code 3', async () => {
  await using server = await TestServer.start()
  for (const kind of ['task', 'message']) {
    const { code, stderr } = await tony(
      'wait',
      '--for',
      kind,
      '--agent',
      'typo',
      '--timeout',
      '1h',
      '--url',
      server.url,
    )
    expect([kind, code]).toEqual([kind, 3])
    expect(stderr).toContain('typo')
  }
})

test('a project is created on the command line of a server in dev mode, and a plan is imported into it', async () => {
  await using server = await TestServer.start()
  const refused = await tony('import', sample, '--url', server.url, '--project', 'web')
  expect(refused.stderr).toContain('tony-mcp projects create web')
  const created = await tony('projects', 'create', 'web', '--url', server.url)
  expect(created).toMatchObject({ code: 0, stderr: '' })
  expect(await tony('projects', 'create', 'web', '--url', server.url)).toMatchObject({ code: 5 })
  expect(await tony('import', sample, '--url', server.url, '--project', 'web')).toMatchObject({ code: 0 })
  const { projects } = await server.connect({ project: 'web' }).projects.list({})
  expect(projects).toContainEqual(expect.objectContaining({ name: 'web', id: created.stdout.trim() }))
})

test('the completion of bash knows commands, their commands and their options', async () => {
  const { code, stdout } = await tony('completion', 'bash')
  expect(code).toBe(0)
  const complete = (...words: readonly string[]) => {
    const script = `${stdout}\nCOMP_WORDS=(tony-mcp ${words.map((word) => `'${word}'`).join(' ')})\nCOMP_CWORD=${words.length}\n_tony_mcp\necho "\${COMPREPLY[*]}"`
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ')
  }
  expect(complete('im')).toEqual(['import'])
  expect(complete('mcp', 'inst')).toEqual(['install'])
  expect(complete('import', 'plan.jsonl', '--dry')).toEqual(['--dry-run'])
})
