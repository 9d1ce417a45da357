import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { publishPlan } from '../cli/src/plan/publish.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { claimOne, leaseOf } from './api/given.ts'
import { edges, issue, jsonLines, planFile } from './plan-file.ts'
import { command } from './support/command.ts'
import { onPostgres, TestServer } from './support/server.ts'

const { folder, tony, remove } = command()
afterAll(remove)

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

async function importText(server: TestServer, content: string) {
  const client = server.connect()
  await publishPlan(client, await readPlan(await planFile(content), { replay: false }))
  return client
}

const exportAs = (server: TestServer, format: string, ...more: string[]) =>
  tony('export', '--url', server.url, '--format', format, ...more)

describe.skipIf(onPostgres)('tony-mcp export', () => {
  test('writes what became of an issue as bd import reads it', async () => {
    await using server = await TestServer.start()
    const lead = await importText(
      server,
      jsonLines([issue('shop-1', { own: [1] }), issue('shop-2', edges('shop-2', { waitsFor: ['shop-1'] }))]),
    )
    const ada = await server.agent('ada')
    await ada.tasks.complete({ ...leaseOf(await claimOne(ada)), result: 'merged as 4f2' })
    await claimOne(ada)
    const { id: parentId } = await lead.tasks.create({ type: 'spike', title: 'Born here', hold: 'ask first' })
    await lead.tasks.create({ type: 'bug', title: 'Its part', parentId })
    const { code, stdout, stderr } = await exportAs(server, 'beads')
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'exported 4 tasks as beads\n' })
    const [done, open, born, part] = linesOf(stdout)
    expect(done).toMatchObject({ id: 'shop-1', own: [1], status: 'closed', closed_at: expect.stringMatching(/Z$/) })
    expect(done?.['comments']).toMatchObject([{ author: 'tony-mcp', text: 'Result of ada: merged as 4f2' }])
    expect(open).toMatchObject({
      id: 'shop-2',
      status: 'in_progress',
      assignee: 'ada',
      ...edges('shop-2', { waitsFor: ['shop-1'] }),
    })
    expect(open).not.toHaveProperty('closed_at')
    expect(born).toMatchObject({ status: 'blocked', issue_type: 'task', priority: 2, created_at: expect.any(String) })
    expect(born?.['id']).toMatch(/^shop-[a-z0-9]{6}$/)
    expect(part?.['dependencies']).toMatchObject([{ depends_on_id: born?.['id'], type: 'parent-child' }])
  })

  test('says blocked of an issue that waits for one that was called off here', async () => {
    await using server = await TestServer.start()
    const lead = await importText(
      server,
      jsonLines([
        issue('shop-1'),
        issue('shop-2', edges('shop-2', { waitsFor: ['shop-1'] })),
        issue('shop-2.1', edges('shop-2.1', { partOf: ['shop-2'] })),
      ]),
    )
    const { tasks } = await lead.tasks.list({})
    await lead.tasks.cancel({ taskId: tasks.find(({ externalId }) => externalId === 'shop-1')?.id ?? '', reason: 'no' })
    const records = linesOf((await exportAs(server, 'beads')).stdout)
    expect(records.map(({ id, status, close_reason: reason }) => [id, status, reason])).toEqual([
      ['shop-1', 'closed', 'cancelled: no'],
      ['shop-2.1', 'blocked', undefined],
      ['shop-2', 'blocked', undefined],
    ])
  })

  test('numbers a new task of Task Master after those of its tag, and nests its part', async () => {
    await using server = await TestServer.start()
    const source = { master: { tasks: [{ id: 3, title: 'a', status: 'pending', dependencies: [], x: 1 }] } }
    const lead = await importText(server, JSON.stringify(source))
    const { id: parentId } = await lead.tasks.create({ type: 'code', title: 'new' })
    await lead.tasks.create({ type: 'code', title: 'part', parentId })
    const { stdout } = await exportAs(server, 'taskmaster')
    const { tasks } = JSON.parse(stdout).master
    expect(tasks[0]).toEqual(source.master.tasks[0])
    expect(tasks[1]).toMatchObject({ id: 4, title: 'new', status: 'pending', dependencies: [] })
    expect(tasks[1].subtasks).toMatchObject([{ id: 1, title: 'part' }])
  })

  test('writes a file whole, and leaves the old one if it fails', async () => {
    await using server = await TestServer.start()
    await server.connect().tasks.create({ type: 'code', title: 'one' })
    const file = join(folder, 'plan.json')
    writeFileSync(file, 'old')
    const failed = await tony('export', '--url', 'http://127.0.0.1:1', '--output', file)
    expect([failed.code, readFileSync(file, 'utf8')]).toEqual([69, 'old'])
    expect(await exportAs(server, 'json', '--output', file)).toMatchObject({ code: 0, stdout: '' })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ format: 'tony-mcp/plan', tasks: [{ title: 'one' }] })
    expect(existsSync(`${file}.partial`)).toBe(false)
    expect((await tony('import', file, '--dry-run')).stdout).toContain('1 tasks')
  })

  test('brings an assignee back, and holds its task where the agent is not registered', async () => {
    await using server = await TestServer.start()
    const lead = await importText(server, jsonLines([issue('shop-1'), issue('shop-2')]))
    await server.agent('ada')
    const { tasks } = await lead.tasks.list()
    for (const { id: taskId, revision } of tasks)
      await lead.tasks.update({ taskId, expectedRevision: revision, assignedTo: 'ada' })
    await lead.tasks.cancel({ taskId: tasks[1]?.id ?? '' })
    for (const [project, format] of ['json', 'beads', 'taskmaster'].entries()) {
      const file = join(folder, `assigned.${format}`)
      await exportAs(server, format, '--output', file)
      await lead.projects.create({ name: `without ${project}` })
      const without = server.connect({ project: `without ${project}` })
      const { stderr } = await tony('import', file, '--url', server.url, '--project', `without ${project}`)
      expect(stderr).toContain('warning: the agent ada is not registered: its open tasks are held (2 tasks)')
      const states = (await without.tasks.list()).tasks.map(({ status, hold, assignedTo }) => [
        status,
        hold?.reason,
        assignedTo,
      ])
      expect(states).toEqual([
        ['pending', 'it is assigned to ada, which is not registered here', null],
        ['cancelled', undefined, null],
      ])
      const { agentId } = await without.agents.register({ name: 'ada', type: 'implementation' })
      await tony('import', file, '--url', server.url, '--project', `without ${project}`)
      expect((await without.tasks.list()).tasks[0]).toMatchObject({ hold: null, assignedTo: agentId })
    }
  })

  test('with --replay holds no task of an absent agent, whatever its name', async () => {
    await using server = await TestServer.start()
    const lead = await importText(server, jsonLines([issue('shop-1')]))
    const { tasks } = await lead.tasks.list()
    await server.agent('constructor')
    await lead.tasks.update({ taskId: tasks[0]?.id ?? '', expectedRevision: 1, assignedTo: 'constructor' })
    const file = join(folder, 'replayed.beads')
    await exportAs(server, 'beads', '--output', file)
    await lead.projects.create({ name: 'replayed' })
    const replayed = await tony('import', file, '--replay', '--json', '--url', server.url, '--project', 'replayed')
    expect(replayed.stderr).toContain('the agent constructor is not registered: its tasks have no assignee (1 tasks)')
    expect(JSON.parse(replayed.stdout).absentAgents).toEqual({ constructor: 1 })
    const [task] = (await server.connect({ project: 'replayed' }).tasks.list()).tasks
    expect(task).toMatchObject({ status: 'pending', hold: null, assignedTo: null })
  })

  test('as JSON has the fields of an issue of GitHub, with which a script goes back', async () => {
    await using server = await TestServer.start()
    const url = 'https://github.com/shop/cart/issues/12'
    const source = { number: 12, title: 'Add items', body: 'so', state: 'OPEN', url, labels: [{ name: 'bug' }] }
    const lead = await importText(server, JSON.stringify([source]))
    const ada = await server.agent('ada')
    await ada.tasks.complete({ ...leaseOf(await claimOne(ada)), result: 'merged' })
    await lead.tasks.create({ type: 'code' })
    const exported: { tasks: Record<string, unknown>[] } = JSON.parse((await exportAs(server, 'json')).stdout)
    const { title, body, ...fields } = source
    expect(exported.tasks).toMatchObject([
      { title, description: body, status: 'completed', metadata: fields, outcome: { result: 'merged' } },
      { metadata: {} },
    ])
  })

  test('refuses a format that it does not have', async () => {
    await using server = await TestServer.start()
    const { code, stderr } = await exportAs(server, 'word')
    expect(code).toBe(2)
    expect(stderr).toContain('json, beads, taskmaster, markdown')
  })
})
