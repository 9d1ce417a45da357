import { describe, expect, test } from 'vitest'
import type { Plan } from '../cli/src/plan/plan.ts'
import { edges, idsOf, issue, readIssues, rowOf } from './plan-file.ts'

describe('edges', () => {
  const edge = (issue_id: string | undefined, depends_on_id: string, type?: string) => ({
    issue_id,
    depends_on_id,
    type,
  })

  test('of the type blocks are dependencies, and parent-child names the parent', async () => {
    const plan = await readIssues([
      issue('epic', { issue_type: 'epic' }),
      issue('a'),
      issue('b', edges('b', { waitsFor: ['a'], partOf: ['epic'] })),
    ])
    expect(rowOf(plan, 'b')).toMatchObject({ dependsOn: ['a'], parentId: 'epic', epic: 'epic' })
    expect(plan.report.edges).toEqual({ blocks: 1, parentChild: 1, other: 0 })
  })

  test.each([
    ['a hyphen or an underscore', edge('b', 'a', 'parent_child'), { parentId: 'a' }],
    ['no type', edge('b', 'a'), { dependsOn: ['a'] }],
    ['no issue_id', edge(undefined, 'a', 'blocks'), { dependsOn: ['a'] }],
  ])('with %s are accepted', async (_what, dependency, row) => {
    const plan = await readIssues([issue('a'), issue('b', { dependencies: [dependency] })])
    expect(rowOf(plan, 'b')).toMatchObject(row)
  })

  test('of other types are kept unchanged in metadata', async () => {
    const blocks = edge('b', 'a', 'blocks')
    const others = ['related', 'discovered-from', 'replies-to', 'x'].map((type) => ({
      ...edge('b', 'a', type),
      at: type,
    }))
    const plan = await readIssues([issue('a'), issue('b', { dependencies: [blocks, ...others] })])
    expect(rowOf(plan, 'b')).toMatchObject({ dependsOn: ['a'], metadata: { dependencies: others } })
    expect(plan.report.edges).toEqual({ blocks: 1, parentChild: 0, other: 4 })
    expect(rowOf(plan, 'a').metadata).not.toHaveProperty('dependencies')
  })

  test('that occur twice count once', async () => {
    const plan = await readIssues([issue('a'), issue('b', edges('b', { waitsFor: ['a', 'a'], partOf: ['a', 'a'] }))])
    expect(rowOf(plan, 'b').dependsOn).toEqual(['a'])
    expect(plan.report).toMatchObject({ edges: { blocks: 1, parentChild: 1, other: 0 }, warnings: [] })
  })

  test('to a second parent are kept in metadata, with a warning', async () => {
    const plan = await readIssues([issue('p'), issue('q'), issue('a', edges('a', { partOf: ['q', 'p'] }))])
    expect(rowOf(plan, 'a')).toMatchObject({
      parentId: 'q',
      metadata: { dependencies: [edge('a', 'p', 'parent-child')] },
    })
    expect(plan.report.warnings).toEqual(['a second parent: kept in metadata.dependencies (line 3)'])
  })

  test('belong to the issue that they name, in any record', async () => {
    const plan = await readIssues([issue('a', { dependencies: [edge('c', 'b', 'blocks')] }), issue('b'), issue('c')])
    expect(rowOf(plan, 'a').dependsOn).toEqual([])
    expect(rowOf(plan, 'c').dependsOn).toEqual(['b'])
  })

  test('from an id outside the file are dropped, with a warning', async () => {
    const plan = await readIssues([issue('a', { dependencies: [edge('far', 'a', 'blocks')] })])
    expect(plan.report.skipped.edges).toEqual({ total: 1, reasons: { from_unknown_id: 1 } })
    expect(plan.report.warnings).toEqual(['an edge from an id the file does not hold: dropped (line 1)'])
  })

  test.each([
    ['the parent', ['e1'], 'e1'],
    ['an ancestor above a story', ['story', 'e1'], 'e1'],
    ['the nearest of two', ['story', 'e2', 'e1'], 'e2'],
    ['none', ['story', 'saga'], undefined],
  ])('to parents give a task its epic: %s', async (_which, above, epic) => {
    const records = above.map((id, index) => {
      const partOf = above.slice(index + 1, index + 2)
      return issue(id, { issue_type: id.startsWith('e') ? 'epic' : 'task', ...edges(id, { partOf }) })
    })
    const plan = await readIssues([...records, issue('t', edges('t', { partOf: above.slice(0, 1) }))])
    expect(rowOf(plan, 't').epic).toBe(epic)
  })

  test('an epic is not its own epic, and may have another one', async () => {
    const plan = await readIssues([
      issue('e0', { issue_type: 'epic' }),
      issue('e1', { issue_type: 'epic', ...edges('e1', { partOf: ['e0'] }) }),
    ])
    expect(plan.tasks.map((task) => task.epic)).toEqual([undefined, 'e0'])
  })
})

test('a plan whose holds are lifted keeps everything else as at its source', async () => {
  const records = [issue('a', { status: 'blocked' }), issue('b', { status: 'closed' })]
  const states = ({ tasks }: Plan) => tasks.map(({ status, hold }) => [status, hold])
  expect(states(await readIssues(records, { replay: false }))).toEqual([
    ['pending', 'its source has blocked it'],
    ['completed', undefined],
  ])
  expect(states(await readIssues(records, { replay: false, liftHolds: true }))).toEqual([
    ['pending', undefined],
    ['completed', undefined],
  ])
})

describe('a replay', () => {
  const states = ['open', 'in_progress', 'hooked', 'blocked', 'closed', 'deferred', 'unheard-of']

  test.each(states.map((status) => [status]))('sets %s work to pending', async (status) => {
    const plan = await readIssues([issue('a', { status })], { replay: true })
    expect(rowOf(plan, 'a')).toMatchObject({ status: 'pending', metadata: { status } })
    expect(rowOf(plan, 'a')).not.toHaveProperty('hold')
  })

  const mixed = [
    issue('gone', { status: 'tombstone' }),
    issue('gone-event', { status: 'tombstone', issue_type: 'event' }),
    ...['event', 'message', 'agent', 'role', 'rig'].map((kind) => issue(kind, { issue_type: kind })),
    ...['task', 'bug', 'feature', 'merge-request', 'molecule', 'gate', 'novel'].map((kind) =>
      issue(kind, { issue_type: kind, status: 'closed' }),
    ),
    issue('event-2', { issue_type: 'event', status: 'closed' }),
  ]

  test('skips tombstones and records that are not work, and counts them', async () => {
    const plan = await readIssues(mixed, { replay: true })
    expect(idsOf(plan)).toEqual(['task', 'bug', 'feature', 'novel'])
    expect(plan.report).toMatchObject({
      records: 15,
      kinds: { event: 2, message: 1, agent: 1, role: 1, rig: 1, task: 1, bug: 1, novel: 1 },
      skipped: { tombstones: 2, notWork: { event: 2, message: 1, agent: 1, role: 1, rig: 1, gate: 1 } },
    })
  })

  test('skips tombstones, which another import has as cancelled tasks', async () => {
    const plan = await readIssues(mixed, { replay: false })
    expect(idsOf(plan)).toEqual(['gone', 'task', 'bug', 'feature', 'novel'])
    expect(rowOf(plan, 'gone')).toMatchObject({ status: 'cancelled', type: 'task' })
    expect(plan.report.skipped).toMatchObject({ tombstones: 1, notWork: { event: 2, agent: 1, gate: 1 } })
  })

  const linked = [
    issue('gone', { status: 'tombstone', ...edges('gone', { waitsFor: ['note', 'kept'] }) }),
    issue('note', { issue_type: 'event', ...edges('note', { partOf: ['kept'] }) }),
    issue('kept'),
    issue('a', edges('a', { waitsFor: ['gone', 'kept', 'note'], partOf: ['gone'] })),
    issue('b', edges('b', { partOf: ['gone', 'kept'] })),
  ]

  test('drops edges to skipped records with a warning, and the edges of skipped records without one', async () => {
    const plan = await readIssues(linked, { replay: true })
    expect(rowOf(plan, 'a').dependsOn).toEqual(['kept'])
    expect(rowOf(plan, 'a')).not.toHaveProperty('parentId')
    expect(plan.report).toMatchObject({
      skipped: { edges: { total: 7, reasons: { from_skipped_record: 3, to_skipped_record: 4 } } },
      edges: { blocks: 1, parentChild: 1, other: 0 },
      levels: 2,
      warnings: [
        'a dependency that is skipped: the edge is dropped (2 times, first line 4)',
        'a parent that is skipped: the edge is dropped (2 times, first line 4)',
      ],
    })
  })

  test('takes the second parent if the first one is skipped', async () => {
    expect(rowOf(await readIssues(linked, { replay: true }), 'b').parentId).toBe('kept')
    expect(rowOf(await readIssues(linked, { replay: false }), 'b').parentId).toBe('gone')
  })

  test('keeps other edges to skipped records, because they have no effect', async () => {
    const related = { issue_id: 'a', depends_on_id: 'gone', type: 'related' }
    const records = [issue('gone', { status: 'tombstone' }), issue('a', { dependencies: [related] })]
    const plan = await readIssues(records, { replay: true })
    expect(rowOf(plan, 'a').metadata).toMatchObject({ dependencies: [related] })
    expect(plan.report.warnings).toEqual([])
  })

  test('of skipped records only has no tasks', async () => {
    const plan = await readIssues([issue('gone', { status: 'tombstone' })], { replay: true })
    expect(plan).toMatchObject({ tasks: [], report: { records: 1, levels: 0, skipped: { tombstones: 1 } } })
  })
})
