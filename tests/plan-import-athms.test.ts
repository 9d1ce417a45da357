import { describe, expect, test } from 'vitest'
import { trackerEffects } from '../cli/src/plan/effects.ts'
import { type Plan, readPlan } from '../cli/src/plan/read.ts'
import { idsOf, planFile, refusal, rowOf } from './plan-file.ts'

type Fields = Record<string, unknown>

const task = (id: string, fields: Fields = {}): Fields => ({
  id,
  level: 'task',
  status: 'pending',
  priority: 'high',
  ...fields,
})

const documentOf = (tasks: readonly Fields[]): string =>
  JSON.stringify(
    { metadata: { version: '1.0.0' }, tasks: Object.fromEntries(tasks.map((each) => [each.id, each])) },
    null,
    2,
  )

async function readTasks(tasks: readonly Fields[], options = { replay: false }): Promise<Plan> {
  return readPlan(await planFile(documentOf(tasks), 'tasks.json'), options)
}

describe('a task becomes a row', () => {
  test('with the fields of the contract, and all others unchanged in metadata', async () => {
    const others = {
      ...{ uuid: 'cfcc7d85-0820-4bd6-aab2-555e10f59fe3', childIds: [], estimatedDuration: 30 },
      ...{ tags: ['tmux'], assignedAgent: 'implementation-agent', metadata: { own: 1 } },
    }
    const plan = await readTasks([
      task('E.001', { level: 'epic' }),
      task('T.001.01', { title: 'Run', description: 'It', status: 'completed', parentId: 'E.001', ...others }),
    ])
    expect(plan.format).toBe('athms')
    expect(rowOf(plan, 'T.001.01')).toStrictEqual({
      externalId: 'T.001.01',
      type: 'task',
      title: 'Run',
      description: 'It',
      parentId: 'E.001',
      epic: 'E.001',
      dependsOn: [],
      priority: 'high',
      status: 'completed',
      metadata: { ...others, status: 'completed', priority: 'high' },
    })
  })

  test.each(['epic', 'feature', 'story', 'task', 'subtask', 'atomic', 'novel'].map((level) => [level]))(
    'with the type of its level: %s',
    async (level) => {
      expect(rowOf(await readTasks([task('a', { level })]), 'a').type).toBe(level)
    },
  )

  test.each([['T.001.01.undefined.01'], ['ST.001.01.01.01.01'], ['P.1'], ['42'], ['ü'], ['x'.repeat(200)]])(
    'with the id of the file, malformed or not: %s',
    async (id) => {
      const plan = await readTasks([task(id), task('z', { dependencies: [id], parentId: id })])
      expect(rowOf(plan, 'z')).toMatchObject({ dependsOn: [id], parentId: id })
      expect(rowOf(plan, id).type).toBe('task')
    },
  )

  test.each([
    ['dependencies', { dependencies: ['a', 'b'] }, ['a', 'b']],
    ['blockedBy', { blockedBy: ['b'] }, ['b']],
    ['both', { dependencies: ['a'], blockedBy: ['b'] }, ['a', 'b']],
    ['both, with the same ids', { dependencies: ['a', 'b'], blockedBy: ['b'] }, ['a', 'b']],
    ['neither', { dependencies: [], blockedBy: null }, []],
  ])('with the dependencies that it names in %s', async (_where, fields, dependsOn) => {
    const plan = await readTasks([task('z', fields), task('a'), task('b')])
    expect(rowOf(plan, 'z').dependsOn).toEqual(dependsOn)
    expect(idsOf(plan).slice(-1)).toEqual(dependsOn.length === 2 ? ['z'] : dependsOn.length === 1 ? ['a'] : ['b'])
  })

  test.each([
    ['critical', 'critical'],
    ['high', 'high'],
    ['medium', 'normal'],
    ['normal', 'normal'],
    ['low', 'low'],
    ['urgent', 'critical'],
    ['HIGH', 'high'],
    [undefined, 'normal'],
  ])('priority %s is %s', async (given, priority) => {
    const plan = await readTasks([task('a', { priority: given })])
    expect(rowOf(plan, 'a').priority).toBe(priority)
    expect(plan.report.warnings).toEqual([])
  })

  test.each([['soon'], [1], [[]]])('priority %j is normal, with a warning', async (given) => {
    const plan = await readTasks([task('a', { priority: given })])
    expect(rowOf(plan, 'a')).toMatchObject({ priority: 'normal', metadata: { priority: given } })
    expect(plan.report.warnings).toEqual([`unknown priority ${JSON.stringify(given)}: read as normal (a)`])
  })

  test.each([
    ['pending', 'pending', 'pending'],
    ['completed', 'completed', 'pending'],
    ['failed', 'failed', 'pending'],
    ['cancelled', 'cancelled', undefined],
  ])('state %s is %s, and %s in a replay', async (given, status, replayed) => {
    const tasks = [task('a', { status: given })]
    const plan = await readTasks(tasks)
    expect(rowOf(plan, 'a')).toMatchObject({ status, metadata: { status: given } })
    expect(plan.report.warnings).toEqual([])
    expect((await readTasks(tasks, { replay: true })).tasks[0]?.status).toBe(replayed)
  })

  test.each(Object.entries(trackerEffects.athms.states))(
    'state %s has the effect of the table',
    async (status, effect) => {
      const { tasks } = await readTasks([task('a', { status: status.replaceAll('_', '-') })])
      expect([tasks[0]?.status, tasks[0]?.hold]).toEqual([effect.status, effect.hold])
    },
  )

  test('a blocked task with dependencies is held by them alone, and a replay has no holds', async () => {
    const tasks = [task('b'), task('a', { status: 'blocked', blockedBy: ['b'] }), task('c', { status: 'assigned' })]
    expect((await readTasks(tasks)).tasks.map(({ hold }) => hold)).toEqual([
      undefined,
      undefined,
      'it is assigned at its source',
    ])
    expect((await readTasks(tasks, { replay: true })).tasks.some(({ hold }) => hold !== undefined)).toBe(false)
  })

  test('an unknown state holds the task, with a warning that names the first task and counts them', async () => {
    const plan = await readTasks([task('a', { status: 'review' }), task('b', { status: 'review' })])
    expect(plan.tasks.map((row) => row.hold)).toEqual(Array(2).fill('its source has the unknown state "review"'))
    expect(plan.report.warnings).toEqual(['unknown state "review": held until tasks.unhold (2 times, first a)'])
  })

  test('a refusal lists all bad tasks', async () => {
    const content = JSON.stringify({ tasks: [{ id: 'a' }, { id: '' }, 'b', { id: 'c', parentId: 1 }] })
    expect((await refusal(content)).message.split('\n')).toHaveLength(3)
  })

  test('a task without a level is a task, with a warning', async () => {
    const plan = await readTasks([task('a', { level: undefined })])
    expect(rowOf(plan, 'a').type).toBe('task')
    expect(plan.report.warnings).toEqual(['a task without level: read as task (a)'])
  })

  test('a key that differs from the id is replaced by the id, with a warning', async () => {
    const plan = await readPlan(await planFile(JSON.stringify({ tasks: { key: task('a') } })), { replay: false })
    expect(idsOf(plan)).toEqual(['a'])
    expect(plan.report.warnings).toEqual(['a key that is not the id of its task: the id counts (a)'])
  })

  test('tasks may be a list', async () => {
    const plan = await readPlan(await planFile(JSON.stringify({ tasks: [task('a'), task('b')] })), { replay: false })
    expect(idsOf(plan)).toEqual(['a', 'b'])
    expect(plan.report.warnings).toEqual([])
  })
})

describe('a malformed document is refused', () => {
  const of = (tasks: unknown) => JSON.stringify({ tasks }, null, 2)

  test.each([
    ['a task without id', of({ k: { level: 'task' } }), 'tasks["k"]: id: a task needs an id'],
    ['an id of 201 characters', of({ k: task('x'.repeat(201)) }), 'tasks["k"]: id: an id has at most 200 characters'],
    ['a task that is a string', of({ k: 'later' }), /^tasks\["k"\]: /],
    [
      'a dependency that is not an id',
      of({ k: task('k', { dependencies: [{ id: 'a' }] }) }),
      /^tasks\["k"\]: dependencies\.0: /,
    ],
    ['a parent that is a number', of({ k: task('k', { parentId: 1 }) }), /^tasks\["k"\]: parentId: /],
    ['the same id twice', of([task('a'), task('b'), task('a')]), 'the id "a" occurs twice'],
    ['a level of 201 characters', of([task('a', { level: 'l'.repeat(201) })]), /^"a": type: /],
    [
      'a cycle',
      of([task('a', { dependencies: ['b'] }), task('b', { blockedBy: ['a'] })]),
      /^a cycle of dependencies: /,
    ],
  ])('%s', async (_what, content, problem) => {
    const error = await refusal(content)
    expect(error.line).toBeUndefined()
    expect(error.message.startsWith('plan: ')).toBe(true)
    expect(error.message.slice('plan: '.length)).toMatch(problem)
  })
})
