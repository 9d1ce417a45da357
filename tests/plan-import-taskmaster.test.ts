import { expect, test } from 'vitest'
import { trackerEffects } from '../cli/src/plan/effects.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { planFile, refusal, rowOf } from './plan-file.ts'

const read = async (document: unknown, indent = 0) =>
  readPlan(await planFile(JSON.stringify(document, null, indent), 'tasks.json'), { replay: false })

const task = (id: number | string, more = {}) => ({
  ...{ id, title: `Task ${id}`, status: 'pending', priority: 'medium', dependencies: [], details: '' },
  ...more,
})

test.each([[0], [2]])('a tagged file is read, its subtasks are children (indent %i)', async (indent) => {
  const subtasks = [task(1), task(2, { dependencies: [1] }), task(3, { dependencies: ['2.1'] })]
  const document = {
    master: {
      tasks: [
        task(1, { subtasks, details: 'how', testStrategy: 'run it', dependencies: [2] }),
        task(2, { subtasks: [task(1)] }),
      ],
      metadata: { version: '1' },
    },
  }
  const plan = await read(document, indent)
  expect(plan.format).toBe('taskmaster')
  expect(rowOf(plan, '1')).toMatchObject({
    ...{ epic: 'master', type: 'task', dependsOn: ['2'], design: 'how', acceptanceCriteria: 'run it' },
  })
  expect(rowOf(plan, '1.2')).toMatchObject({ parentId: '1', dependsOn: ['1.1'], type: 'subtask' })
  expect(rowOf(plan, '1.3')).toMatchObject({ parentId: '1', dependsOn: ['2.1'] })
})

test('an untagged file and ids that are strings are read', async () => {
  const plan = await read({ tasks: [task('1', { status: 'done' }), task('2', { dependencies: ['1'] })] })
  expect([plan.format, rowOf(plan, '1').status, rowOf(plan, '2').dependsOn]).toEqual(['taskmaster', 'completed', ['1']])
})

test('a tag is an epic, and the ids of all tags but master begin with it', async () => {
  const plan = await read({ master: { tasks: [task(1)] }, web: { tasks: [task(1), task(2, { dependencies: [1] })] } })
  expect(rowOf(plan, 'web:2')).toMatchObject({ epic: 'web', dependsOn: ['web:1'] })
})

test.each(Object.entries(trackerEffects.taskmaster.states))(
  'the state %s has the effect of the table',
  async (status, effect) => {
    const row = rowOf(await read({ tasks: [task(1, { status: status.replaceAll('_', '-') })] }), '1')
    expect([row.status, row.hold]).toEqual([effect.status, effect.hold])
  },
)

test('a dependency that the file does not hold holds its task, and the parts of a pending one', async () => {
  const parts = [task(1), task(2, { dependencies: [7] }), task(3, { status: 'review' })]
  const tasks = [task(1, { dependencies: [2, 99], subtasks: parts }), task(2)]
  const plan = await read({
    master: { tasks },
    web: { tasks: [task(99), task(3, { dependencies: [98], status: 'done' })] },
  })
  const holdOf = (id: string) => rowOf(plan, id).hold
  expect(['1', '1.1', '1.2', '1.3', '2', 'web:3'].map(holdOf)).toEqual([
    'it waits for 99, which the file does not hold',
    'its task waits for 99, which the file does not hold',
    'it waits for 1.7, which the file does not hold',
    'it is in review at its source',
    undefined,
    undefined,
  ])
  expect(rowOf(plan, '1').metadata).toMatchObject({ dependencies: [{ depends_on_id: '99' }] })
  expect(plan.report.warnings).toEqual([
    'a dependency the file does not hold: it holds its task until tasks.unhold and is kept in metadata.dependencies (3 times, first 1)',
  ])
  const started = await read({ tasks: [task(1, { status: 'in-progress', dependencies: [9], subtasks: [task(1)] })] })
  expect(rowOf(started, '1.1').hold).toBeUndefined()
})

test('all bad tasks are told at once', async () => {
  const content = JSON.stringify({ tasks: [task(1), { ...task(2), title: 7 }, { ...task(3), dependencies: 'x' }] })
  expect((await refusal(content)).message.split('\n')).toHaveLength(2)
})
