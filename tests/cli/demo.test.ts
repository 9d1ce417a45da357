import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Agent, FinalError } from '@tony/mcp-client'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, expect, test } from 'vitest'
import { demoPlan, findFaults } from '../../cli/src/demo/plan.ts'
import { runFleet } from '../../cli/src/demo/run.ts'
import { createStreamEnd } from '../../cli/src/stream-end.ts'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const { tony, remove } = command()
afterAll(remove)

const demoFolders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('tony-demo-'))

test('the demo runs a plan at a server of its own, checks the run and leaves no file', async () => {
  const before = demoFolders()
  const { code, stdout, stderr } = await tony('demo', '--features', '3', '--agents', '3', '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({ tasks: 12, agents: 3, events: expect.any(Number), faults: [] })
  expect(demoFolders()).toEqual(before)
})

/** Runs two agents on one feature at a server. */
async function runAt(server: TestServer, print: (line: string) => void) {
  const end = createStreamEnd(undefined)
  try {
    return await runFleet(server.url, { agents: 2, features: 1 }, end, print)
  } finally {
    end.stop()
  }
}

const agentNamesAt = async (server: TestServer) => (await server.connect().agents.list()).agents.map(({ name }) => name)

test('the demo ends when a task fails for good, and reports the tasks that were not completed', async () => {
  await using server = await TestServer.start({ clock: systemClock })
  const other = await Agent.register({ url: server.url, name: 'other', type: 'implementation' })
  other.work(
    () => {
      throw new FinalError('it cannot be done')
    },
    { onError: () => undefined },
  )
  const { faults } = await runAt(server, () => undefined)
  await other.stop()
  expect(faults).toContain('feature 1: design was not completed')
  expect(await agentNamesAt(server)).toEqual([])
})

test('the demo stops its agents if the reading of its feed ends with an error', async () => {
  await using server = await TestServer.start({ clock: systemClock })
  const run = runAt(server, (line) => {
    if (line.includes('takes')) throw new Error('the feed has ended')
  })
  await expect(run).rejects.toThrow('the feed has ended')
  expect(await agentNamesAt(server)).toEqual([])
})

test('the demo stops its other agents if one cannot be registered', async () => {
  await using server = await TestServer.start({ clock: systemClock })
  await server.agent('ada')
  await expect(runAt(server, () => undefined)).rejects.toThrow('ada')
  expect(await agentNamesAt(server)).toEqual(['ada'])
})

const tasks = demoPlan(1).map(({ key, title, dependsOn }) => ({ id: key, title, dependsOn, locks: ['file:src'] }))
const whole = tasks.flatMap(({ id }) => [
  { type: 'task.claimed', subject: id },
  { type: 'task.completed', subject: id },
])
const [claim, others] = [whole.slice(0, 1), whole.slice(2)]
const completion = whole.slice(1, 2)

test.each([
  ['a dependency that was not waited for', [...others, ...claim, ...completion], 'was claimed before its dependency'],
  ['two holders', [...claim, ...whole], 'has two holders'],
  ['a second completion', [...whole, ...claim, ...completion], 'was completed twice'],
  ['an open task', whole.slice(0, -1), 'was not completed'],
  ['a lock with two holders', [...claim, ...others, ...completion], 'has a lock that'],
] as const)('its check finds %s', (_, events, fault) => {
  expect(findFaults(tasks, whole)).toEqual([])
  expect(findFaults(tasks, events).join()).toContain(fault)
})
