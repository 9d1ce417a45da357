import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { trackerEffects } from '../cli/src/plan/effects.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { edges, idsOf, issue, jsonLines, planFile, readIssues, refusal, rowOf } from './plan-file.ts'

const edge = (from: string, to: string, type: string, more = {}) => ({
  dependencies: [{ issue_id: from, depends_on_id: to, type, ...more }],
})

test.each(Object.entries(trackerEffects.beads.states))(
  'the state %s has the effect of the table',
  async (status, effect) => {
    const row = rowOf(await readIssues([issue('a', { status })]), 'a')
    expect([row.status, row.hold]).toEqual([effect.status, effect.hold])
  },
)

test('a word that the table lacks holds the task', async () => {
  const plan = await readIssues([
    issue('a', { status: 'someday' }),
    issue('b', edge('b', 'a', 'waits-for-moon')),
    issue('c', { status: 'constructor' }),
  ])
  expect(plan.tasks.map(({ hold }) => hold)).toEqual([
    'its source has the unknown state "someday"',
    'its source has an edge of the unknown type waits-for-moon',
    'its source has the unknown state "constructor"',
  ])
  expect(plan.report.warnings).toEqual([
    'unknown state "someday": held until tasks.unhold (line 1)',
    'unknown edge type "waits-for-moon": the task is held (line 2)',
    'unknown state "constructor": held until tasks.unhold (line 3)',
  ])
})

test('a deferral with a date is notBefore, and one without a date is a hold', async () => {
  const plan = await readIssues([
    issue('later', { defer_until: '2999-06-01T00:00:00Z', status: 'deferred' }),
    issue('open', { defer_until: '2999-06-01T00:00:00Z' }),
    issue('over', { defer_until: '2020-06-01T00:00:00Z' }),
    issue('ice', { status: 'deferred' }),
  ])
  expect(plan.tasks.map(({ notBefore, hold }) => [notBefore, hold])).toEqual([
    ['2999-06-01T00:00:00.000Z', undefined],
    ['2999-06-01T00:00:00.000Z', undefined],
    ['2020-06-01T00:00:00.000Z', undefined],
    [undefined, 'its source has deferred it'],
  ])
})

test('a task in progress is held with the name of its worker, a pinned one with its flag', async () => {
  const plan = await readIssues([
    issue('a', { status: 'in_progress', assignee: 'x' }),
    issue('b', { pinned: true }),
    issue('c', { status: 'closed', pinned: true }),
  ])
  expect(plan.tasks.map(({ hold }) => hold)).toEqual([
    'it is in progress at its source: x has it',
    'it is pinned at its source',
    undefined,
  ])
})

test('a record that is not work is skipped, unless a task waits for it', async () => {
  const plan = await readIssues([
    ...['agent', 'gate', 'molecule', 'merge-request', 'message'].map((kind) => issue(kind, { issue_type: kind })),
    issue('template', { is_template: true }),
    issue('wisp', { ephemeral: true }),
    issue('human', { issue_type: 'gate' }),
    issue('passed', { issue_type: 'gate', status: 'closed' }),
    issue('task', edges('task', { waitsFor: ['human', 'passed'] })),
  ])
  expect(idsOf(plan)).toEqual(['human', 'task'])
  expect(rowOf(plan, 'human').hold).toBe('it is no work at its source, but gate')
  expect(rowOf(plan, 'task').dependsOn).toEqual(['human'])
  expect(plan.report.skipped.notWork).toMatchObject({ agent: 1, gate: 2, molecule: 1, task: 2 })
})

test('waits-for waits for the children of its target, or of the spawner in its metadata', async () => {
  const plan = await readIssues([
    issue('e', { issue_type: 'epic' }),
    issue('a', edge('a', 'e', 'waits-for')),
    issue('b', edge('b', 'a', 'waits-for', { metadata: '{"spawner_id":"e"}' })),
  ])
  for (const id of ['a', 'b'])
    expect(rowOf(plan, id)).toMatchObject({ dependsOn: [], waitsFor: [{ taskId: 'e', kind: 'children' }] })
})

test('conditional-blocks waits for a failure: open, failed, closed without a failure, called off', async () => {
  const plan = await readIssues([
    issue('open'),
    issue('failed', { status: 'closed', close_reason: 'Tests FAILED' }),
    issue('closed', { status: 'closed', close_reason: 'done' }),
    issue('gone', { status: 'tombstone' }),
    ...['open', 'failed', 'closed', 'gone'].map((to) =>
      issue(`after-${to}`, edge(`after-${to}`, to, 'conditional-blocks')),
    ),
  ])
  expect(rowOf(plan, 'after-open').waitsFor).toEqual([{ taskId: 'open', kind: 'failure' }])
  expect(rowOf(plan, 'after-failed')).not.toHaveProperty('hold')
  expect(rowOf(plan, 'after-closed').hold).toBe('it waits for the failure of closed, which was closed without one')
  expect(rowOf(plan, 'after-gone')).not.toHaveProperty('hold')
  for (const to of ['failed', 'closed', 'gone']) expect(rowOf(plan, `after-${to}`)).not.toHaveProperty('waitsFor')
})

test('a tombstone blocks no task, and its edge is kept in the metadata', async () => {
  const plan = await readIssues([
    issue('gone', { status: 'tombstone' }),
    issue('a', edges('a', { waitsFor: ['gone'] })),
  ])
  expect(rowOf(plan, 'a')).toMatchObject({ dependsOn: [], metadata: edges('a', { waitsFor: ['gone'] }) })
})

test('an edge to an id outside the file blocks no task, and strict refuses it', async () => {
  const content = jsonLines([issue('a', edges('a', { waitsFor: ['wisp-9', 'external:x:y'], partOf: ['away'] }))])
  const plan = await readPlan(await planFile(content), { replay: false })
  expect(rowOf(plan, 'a').dependsOn).toEqual([])
  expect(rowOf(plan, 'a')).not.toHaveProperty('parentId')
  expect(rowOf(plan, 'a').metadata?.['dependencies']).toHaveLength(3)
  expect(plan.report.warnings).toEqual([
    'a dependency the file does not hold: it blocks nobody and is kept in metadata.dependencies (2 times, first line 1)',
    'a parent the file does not hold: it blocks nobody and is kept in metadata.dependencies (line 1)',
  ])
  const strict = await refusal(content, { replay: false, strict: true })
  expect(strict.message.split('\n')).toEqual([
    'plan:1: a dependency the file does not hold: wisp-9',
    expect.stringMatching(/plan:1: a dependency the file does not hold: external:x:y$/),
    expect.stringMatching(/plan:1: a parent the file does not hold: away$/),
  ])
})

test('an empty id of an edge is skipped and counted, and a ring of ended issues holds nothing back', async () => {
  const closed = { status: 'closed' }
  const plan = await readIssues([
    issue('a', { ...closed, ...edges('a', { waitsFor: ['b'] }) }),
    issue('b', { ...closed, ...edges('b', { waitsFor: ['a'] }) }),
    issue('c', edges('c', { waitsFor: ['', 'a'] })),
  ])
  expect(rowOf(plan, 'c').dependsOn).toEqual(['a'])
  expect(plan.report.warnings).toEqual(['an edge to no id: skipped (line 3)'])
})

test('headers, memories and arrays are read, and the edges of bd show', async () => {
  const header = { _schema: 'beads-jsonl/1', _sort: 'stable-v1' }
  const records = [header, { _type: 'issue', ...issue('a') }, { _type: 'memory', key: 'k', value: 'v' }]
  const plan = await readIssues(records)
  expect([idsOf(plan), plan.report.warnings]).toEqual([
    ['a'],
    ['a record that is no issue (header): skipped (line 1)', 'a record that is no issue (memory): skipped (line 3)'],
  ])
  const shown = [issue('b'), issue('a', { dependencies: [{ id: 'b', title: 'B', dependency_type: 'blocks' }] })]
  for (const text of [JSON.stringify(shown), JSON.stringify(shown, null, 2)]) {
    const read = await readPlan(await planFile(text), { replay: false })
    expect([read.format, rowOf(read, 'a').dependsOn]).toEqual(['beads', ['b']])
  }
})

test('acceptance criteria, design, notes, comments and labels become fields of the task', async () => {
  const plan = await readIssues([
    issue('a', {
      ...{ acceptance_criteria: 'redirects', design: 'a cookie', notes: 'see p-0', labels: ['ui'] },
      comments: [{ id: 1, author: 'ann', text: 'not with JWT' }],
    }),
  ])
  expect(rowOf(plan, 'a')).toMatchObject({
    acceptanceCriteria: 'redirects',
    design: 'a cookie',
    notes: 'see p-0\n\nComments:\nann: not with JWT\n\nLabels: ui',
    metadata: { notes: 'see p-0', labels: ['ui'] },
  })
})

test('all problems of a file are told at once, the first 20 of them with their lines', async () => {
  const bad = Array.from({ length: 25 }, (_, index) => ({ ...issue(`t${index}`), title: index }))
  const { message, line } = await refusal(jsonLines([issue('good'), ...bad]))
  const lines = message.split('\n')
  expect([line, lines.length, lines.at(-1)]).toEqual([2, 21, 'and 5 more problems'])
  expect(lines[0]).toMatch(/^plan:2: title: /)
  expect(lines[19]).toMatch(/:21: title: /)
})

test('skipBad leaves the bad records out', async () => {
  const content = `${jsonLines([issue('a')])}{\n${jsonLines([{ ...issue('b'), title: 7 }, issue('a'), issue('c')])}`
  const plan = await readPlan(await planFile(content), { replay: false, skipBad: true })
  expect(idsOf(plan)).toEqual(['a', 'c'])
  expect(plan.report.warnings).toHaveLength(3)
})

test('skipBad names each cycle that it breaks, and holds a task of it', async () => {
  const content = jsonLines([
    issue('a', edges('a', { waitsFor: ['b'] })),
    issue('b', edges('b', { waitsFor: ['a'] })),
    issue('c', edges('c', { waitsFor: ['c'] })),
    issue('p', edges('p', { partOf: ['q'] })),
    issue('q', edges('q', { partOf: ['p'] })),
  ])
  const messages = (await refusal(content)).message.split('\n')
  expect(messages.map((line) => line.replace(/^.*plan:/, ''))).toEqual([
    '4: a cycle of parents: p is part of q is part of p',
    '1: a cycle of dependencies: a waits for b waits for a',
    '3: a cycle of dependencies: c waits for c',
  ])
  const plan = await readPlan(await planFile(content), { replay: false, skipBad: true })
  expect(plan.report.warnings).toEqual([
    'a cycle of parents: p is part of q is part of p: kept, but p has no parent (line 4)',
    'a cycle of dependencies: a waits for b waits for a: kept, but a is held and does not wait for b (line 1)',
    'a cycle of dependencies: c waits for c: kept, but c is held and does not wait for c (line 3)',
  ])
  expect(plan.tasks.map(({ externalId, hold }) => [externalId, hold])).toEqual([
    ['a', 'its source has it in a cycle of dependencies'],
    ['b', undefined],
    ['c', 'its source has it in a cycle of dependencies'],
    ['p', undefined],
    ['q', undefined],
  ])
})

test('a broken line of dependencies.jsonl is a problem with its file and its line', async () => {
  const file = await planFile(jsonLines([issue('a'), issue('b')]), 'issues.jsonl')
  const beside = join(dirname(file), 'dependencies.jsonl')
  await writeFile(beside, '{"issue_id":"b","depends_on_id":"a","type":"blocks"}\n{"issue_id":\n')
  await expect(readPlan(file, { replay: false })).rejects.toThrow(`${beside}:2: is not JSON: `)
  const plan = await readPlan(file, { replay: false, skipBad: true })
  expect(rowOf(plan, 'b').dependsOn).toEqual(['a'])
  expect(plan.report.warnings).toEqual([expect.stringMatching(/^skipped: is not JSON: .*line 2/)])
})

test.each([
  ['text with a NUL character', { title: 'a\0b' }, '"a": text with a NUL character'],
  ['half a character', { title: '\uD83C' }, '"a": text with a lone surrogate'],
  ['the key of a prototype', JSON.parse('{"x":{"constructor":1}}'), '"a": the key "constructor"'],
  ['an integer that was rounded', { x: 2 ** 60 }, /^"a": an integer that JSON cannot carry exactly/],
  ['more than a call can carry', { x: 'x'.repeat(1_000_001) }, '"a": more than 1000000 bytes'],
  ['more keys than a call can carry', { x: Array(10_000).fill(0) }, '"a": more than 10000 keys and elements'],
])('a record with %s is refused before anything is sent', async (_what, fields, problem) => {
  expect((await refusal(jsonLines([issue('a', fields)]))).message.replace(/^plan:1: /, '')).toMatch(problem)
})
