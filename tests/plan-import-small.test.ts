import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type PlannedRow, readPlan } from '../cli/src/plan/read.ts'
import { edges, issue, jsonLines, planFile } from './plan-file.ts'

const small = join(resolve(import.meta.dirname, '..', process.env.TONY_PLANS ?? '../shared/data'), 'small')

/** A row in short: its id, its status or hold, its dependencies and its parent. */
function toShort({ externalId, status, hold, notBefore, dependsOn = [], waitsFor = [], parentId }: PlannedRow): string {
  const state = hold === undefined ? (status ?? 'pending') : 'held'
  const waits = [...dependsOn, ...waitsFor.map(({ taskId, kind }) => `${kind} of ${taskId}`)]
  return [
    `${externalId} ${state}`,
    ...(notBefore === undefined ? [] : [`not before ${notBefore.slice(0, 10)}`]),
    ...(waits.length === 0 ? [] : [`after ${waits.join(' ')}`]),
    ...(parentId === undefined ? [] : [`in ${parentId}`]),
  ].join(', ')
}

const taskOf = (id: number, more = {}) => ({ id, title: `T${id}`, status: 'pending', dependencies: [], ...more })

/** The inputs of real faults, and one more of the kind of each with its right rows. */
const inputs: Readonly<Record<string, { rows: string[]; other: string; otherRows: string[] }>> = {
  'acc.jsonl': {
    rows: ['p-1 pending'],
    other: jsonLines([issue('a', { acceptance_criteria: 'it is green', notes: '', labels: [] })]),
    otherRows: ['a pending'],
  },
  'array.json': {
    rows: ['p-1 pending'],
    other: JSON.stringify([issue('a', edges('a', { waitsFor: ['b'] })), issue('b', { status: 'closed' })], null, 2),
    otherRows: ['b completed', 'a pending, after b'],
  },
  'dangling.jsonl': {
    rows: ['p-1 pending'],
    other: jsonLines([issue('a', edges('a', { waitsFor: ['external:lib:v2', 'b'], partOf: ['gone'] })), issue('b')]),
    otherRows: ['b pending', 'a pending, after b'],
  },
  'defer.jsonl': {
    rows: [...['p-1 pending, not before 2027-06-01', 'p-2 held', 'p-3 held', 'p-4 held', 'p-5 pending']],
    other: jsonLines([
      issue('a', { status: 'hooked', assignee: 'x' }),
      issue('b', { pinned: true }),
      issue('c', { issue_type: 'rig' }),
      issue('d', { status: 'deferred', defer_until: '2030-01-01T00:00:00Z' }),
    ]),
    otherRows: ['a held', 'b held', 'd pending, not before 2030-01-01'],
  },
  'epicblock.jsonl': {
    rows: ['e-1 pending', 'e-2 pending, after e-1', 'e-2.1 pending, in e-2'],
    other: jsonLines([
      issue('p', { issue_type: 'epic', ...edges('p', { waitsFor: ['p.1', 'x'] }) }),
      issue('p.1', edges('p.1', { partOf: ['p'] })),
      issue('x'),
    ]),
    otherRows: ['p.1 pending, in p', 'x pending', 'p pending, after p.1 x'],
  },
  'header.jsonl': {
    rows: ['p-1 pending'],
    other: `${JSON.stringify({ _schema: 'beads-jsonl/2', _type: 'header' })}\n${jsonLines([issue('a')])}`,
    otherRows: ['a pending'],
  },
  'memory.jsonl': {
    rows: ['p-1 pending'],
    other: jsonLines([{ _type: 'memory', key: 'k', value: 'v' }, issue('a')]),
    otherRows: ['a pending'],
  },
  'tm-string.json': {
    rows: [
      ...['1 completed', '1.1 held, in 1', '2 pending, after 1', '2.1 pending, in 2', '2.2 pending, after 2.1, in 2'],
      ...['3 held', '4 held'],
    ],
    other: JSON.stringify({
      web: { tasks: [taskOf(1, { status: 'in-progress' }), taskOf(2, { dependencies: ['1'] })] },
    }),
    otherRows: ['web:1 held', 'web:2 pending, after web:1'],
  },
  'tomb.jsonl': {
    rows: ['p-1 cancelled', 'p-2 pending'],
    other: jsonLines([
      issue('a', edges('a', { waitsFor: ['b', 'c'] })),
      issue('b', { status: 'tombstone' }),
      issue('c'),
    ]),
    otherRows: ['c pending', 'a pending, after c', 'b cancelled'],
  },
  'waits.jsonl': {
    rows: [
      ...[
        'p-0 pending',
        'p-1 pending, in p-0',
        'p-2 pending, after children of p-0',
        'p-3 pending, after failure of p-1',
      ],
    ],
    other: jsonLines([
      issue('a', { dependencies: [{ issue_id: 'a', depends_on_id: 'b', type: 'conditional-blocks' }] }),
      issue('b', { status: 'closed', close_reason: 'done' }),
    ]),
    otherRows: ['b completed', 'a held'],
  },
}

const rowsOf = async (file: string) => (await readPlan(file, { replay: false })).tasks.map(toShort)

describe.each(Object.entries(inputs))('%s', (name, { rows, other, otherRows }) => {
  const file = join(small, name)

  test.skipIf(!existsSync(file))(`has the right rows${existsSync(file) ? '' : `: ${file} is absent`}`, async () => {
    expect((await rowsOf(file)).toSorted()).toEqual(rows.toSorted())
  })

  test('and one more of its kind has the right rows', async () => {
    expect((await rowsOf(await planFile(other, name))).toSorted()).toEqual(otherRows.toSorted())
  })
})

test.skipIf(!existsSync(small))('the texts of acc.jsonl are in fields that a worker gets', async () => {
  const [row] = (await readPlan(join(small, 'acc.jsonl'), { replay: false })).tasks
  expect(row?.acceptanceCriteria).toContain('ACCEPT')
  expect(row?.design).toContain('DESIGN')
  expect(row?.notes).toMatch(/NOTES.*COMMENT.*LABEL/s)
})
