import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { command } from './support/command.ts'
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

test('an unknown command is reported with exit code 1', async () => {
  const { code, stderr } = await tony('explode')
  expect(code).toBe(1)
  expect(stderr).toContain("unknown command 'explode'")
})
