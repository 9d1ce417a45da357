import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, expect, test } from 'vitest'
import { demoPlan, findFaults } from '../../cli/src/demo/plan.ts'
import { command } from '../support/command.ts'

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
