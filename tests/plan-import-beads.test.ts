import { describe, expect, test } from 'vitest'
import { edges, idsOf, issue, jsonLines, readIssues, refusal, rowOf } from './plan-file.ts'

describe('an issue becomes a row', () => {
  test('with the fields of the contract, and all others in metadata as they are', async () => {
    const others = {
      created_at: '2026-01-11T18:14:20.034175-08:00',
      assignee: 'crew/emma',
      labels: ['ui', 'urgent'],
      comments: [{ id: 15, text: 'Done?', at: null }],
      metadata: { own: { deep: [1, 2] } },
      __proto__kept: true,
    }
    const plan = await readIssues([
      issue('shop-1', { issue_type: 'epic' }),
      issue('shop-1.1', {
        ...{ title: 'Build', description: 'All of it', issue_type: 'bug', status: 'closed', priority: 0 },
        ...others,
        ...edges('shop-1.1', { partOf: ['shop-1'] }),
      }),
    ])
    expect(rowOf(plan, 'shop-1.1')).toStrictEqual({
      externalId: 'shop-1.1',
      type: 'bug',
      title: 'Build',
      description: 'All of it',
      parentId: 'shop-1',
      epic: 'shop-1',
      dependsOn: [],
      priority: 'critical',
      status: 'completed',
      metadata: { ...others, status: 'closed', priority: 0 },
    })
  })

  test('without the fields it does not have', async () => {
    const plan = await readIssues([{ id: 'a', issue_type: 'task', status: 'open', title: null, description: null }])
    expect(plan.tasks).toStrictEqual([
      {
        ...{ externalId: 'a', type: 'task', dependsOn: [], priority: 'normal', status: 'pending' },
        metadata: { status: 'open' },
      },
    ])
    expect(plan.report.warnings).toEqual([])
  })

  test.each([
    ['bd-98c4e1fa.1'],
    ['T.001.01.undefined.01'],
    ['GH #12: fix it'],
    ['../../etc/passwd'],
    ['constructor'],
    ['__proto__'],
    ['🌿'],
    ['x'.repeat(200)],
  ])('under the id the file gives it: %s', async (id) => {
    const plan = await readIssues([issue(id), issue('next', edges('next', { waitsFor: [id], partOf: [id] }))])
    expect(idsOf(plan)).toEqual([id, 'next'])
    expect(rowOf(plan, 'next')).toMatchObject({ parentId: id, dependsOn: [id] })
  })

  test.each([
    [0, 'critical'],
    [1, 'high'],
    [2, 'normal'],
    [3, 'low'],
    [4, 'low'],
    [undefined, 'normal'],
    [null, 'normal'],
  ])('priority %s is %s', async (given, priority) => {
    const plan = await readIssues([issue('a', { priority: given })])
    expect(rowOf(plan, 'a').priority).toBe(priority)
    expect(plan.report.warnings).toEqual([])
  })

  test.each([[5], [-1], [1.5], ['1'], ['high'], [{}]])('priority %j is normal, with a warning', async (given) => {
    const plan = await readIssues([issue('a', { priority: given })])
    expect(rowOf(plan, 'a')).toMatchObject({ priority: 'normal', metadata: { priority: given } })
    expect(plan.report.warnings).toEqual([`unknown priority ${JSON.stringify(given)}: read as normal (line 1)`])
  })

  test.each([
    ['open', 'pending'],
    ['in_progress', 'pending'],
    ['in-progress', 'pending'],
    ['In-Progress', 'pending'],
    ['hooked', 'pending'],
    ['blocked', 'pending'],
    ['closed', 'completed'],
    ['tombstone', 'cancelled'],
  ])('state %s is %s', async (given, status) => {
    const plan = await readIssues([issue('a', { status: given })])
    expect(rowOf(plan, 'a')).toMatchObject({ status, metadata: { status: given } })
    expect(plan.report.warnings).toEqual([])
  })

  test.each([['deferred'], ['wontfix'], [''], [7], [null]])('state %j is pending, with a warning', async (given) => {
    const plan = await readIssues([issue('a', { status: given })])
    expect(rowOf(plan, 'a')).toMatchObject({ status: 'pending', metadata: { status: given } })
    expect(plan.report.warnings).toEqual([`unknown state ${JSON.stringify(given)}: read as pending (line 1)`])
  })

  test.each([[''], [null], [undefined]])('issue_type %j is task, with a warning', async (given) => {
    const plan = await readIssues([issue('a'), issue('b', { issue_type: given })])
    expect(rowOf(plan, 'b').type).toBe('task')
    expect(plan.report.warnings).toEqual(['a record without issue_type: read as task (line 2)'])
  })

  test.each([
    ['title', 1_000],
    ['description', 65_536],
  ])('a %s of more than %i characters is cut, and kept whole in metadata', async (field, limit) => {
    const [fits, long, halved] = ['x'.repeat(limit), 'x'.repeat(limit + 1), `${'x'.repeat(limit - 1)}🌿`]
    const plan = await readIssues([fits, long, halved].map((text, index) => issue(`${index}`, { [field]: text })))
    expect(plan.tasks.map((task) => task[field])).toEqual([fits, fits, 'x'.repeat(limit - 1)])
    expect(plan.tasks.map((task) => task.metadata?.[field])).toEqual([undefined, long, halved])
    expect(plan.report.warnings).toEqual([
      `a ${field} over ${limit} characters: cut, and kept whole in metadata.${field} (2 times, first line 2)`,
    ])
  })

  test('a warning is given once, with how often and where it first applied', async () => {
    const plan = await readIssues([
      issue('a', { status: 'stuck' }),
      issue('b'),
      issue('c', { status: 'stuck' }),
      issue('d', { status: 'lost' }),
      issue('e', { status: 'stuck' }),
    ])
    expect(plan.report.warnings).toEqual([
      'unknown state "stuck": read as pending (3 times, first line 1)',
      'unknown state "lost": read as pending (line 4)',
    ])
  })
})

describe('a malformed record is refused with its line', () => {
  const good = jsonLines([issue('a'), issue('b')])
  const many = Array.from({ length: 201 }, (_, index) => `t${index}`)

  test.each([
    ['no id', { title: 'x' }, 'id: a record needs an id'],
    ['an empty id', issue(''), 'id: a record needs an id'],
    ['a number for an id', { ...issue(''), id: 7 }, 'id: a record needs an id'],
    ['an id of 201 characters', issue('x'.repeat(201)), 'id: an id has at most 200 characters'],
    ['a list', [1], 'a record is a JSON object'],
    ['a word', 'task', 'a record is a JSON object'],
    ['null', null, 'a record is a JSON object'],
    ['a number for a title', issue('c', { title: 7 }), /^title: /],
    ['a kind of 201 characters', issue('c', { issue_type: 'k'.repeat(201) }), /^"c": type: /],
    ['dependencies that are no list', issue('c', { dependencies: 'a' }), /^dependencies: /],
    ['a dependency that is an id', issue('c', { dependencies: ['a'] }), /^dependencies\.0: /],
    [
      'a dependency on nothing',
      issue('c', { dependencies: [{ type: 'blocks' }] }),
      /^dependencies\.0\.depends_on_id: /,
    ],
    [
      'a dependency on a long id',
      issue('c', edges('c', { waitsFor: ['a', 'x'.repeat(201)] })),
      /^dependencies\.1\.depends_on_id: /,
    ],
    ['more than 200 dependencies', issue('c', edges('c', { waitsFor: many })), /^"c": dependsOn: /],
  ])('%s', async (_what, record, problem) => {
    const error = await refusal(`${good}${JSON.stringify(record)}\n${jsonLines([issue('d')])}`)
    expect(error.line).toBe(3)
    expect(error.message.startsWith('plan:3: ')).toBe(true)
    expect(error.message.slice('plan:3: '.length)).toMatch(problem)
  })

  test('a record that a replay would skip is checked all the same', async () => {
    const tombstone = { title: 'x', status: 'tombstone', issue_type: 'task' }
    expect(await refusal(jsonLines([tombstone]), { replay: true })).toMatchObject({ line: 1 })
  })

  test.each([[false], [true]])('an id that is there twice, with both lines (replay: %s)', async (replay) => {
    const content = `${good}\n${jsonLines([issue('c'), issue('b', { status: 'tombstone' })])}`
    expect(await refusal(content, { replay })).toMatchObject({
      message: 'plan:5: the id "b" is there twice: lines 2 and 5',
      line: 5,
    })
  })
})

describe('edges', () => {
  const edge = (issue_id: string | undefined, depends_on_id: string, type?: string) => ({
    issue_id,
    depends_on_id,
    type,
  })

  test('blocks means waits-for, and parent-child names the parent', async () => {
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
  ])('with %s are understood', async (_what, dependency, row) => {
    const plan = await readIssues([issue('a'), issue('b', { dependencies: [dependency] })])
    expect(rowOf(plan, 'b')).toMatchObject(row)
  })

  test('of other types are kept in metadata as they are', async () => {
    const blocks = edge('b', 'a', 'blocks')
    const others = ['related', 'discovered-from', 'waits-for', 'x'].map((type) => ({
      ...edge('b', 'a', type),
      at: type,
    }))
    const plan = await readIssues([issue('a'), issue('b', { dependencies: [blocks, ...others] })])
    expect(rowOf(plan, 'b')).toMatchObject({ dependsOn: ['a'], metadata: { dependencies: others } })
    expect(plan.report.edges).toEqual({ blocks: 1, parentChild: 0, other: 4 })
    expect(rowOf(plan, 'a').metadata).not.toHaveProperty('dependencies')
  })

  test('that are there twice count once', async () => {
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

  test('belong to the issue they name, whichever record holds them', async () => {
    const plan = await readIssues([issue('a', { dependencies: [edge('c', 'b', 'blocks')] }), issue('b'), issue('c')])
    expect(rowOf(plan, 'a').dependsOn).toEqual([])
    expect(rowOf(plan, 'c').dependsOn).toEqual(['b'])
  })

  test('to an id the file does not hold stay: an earlier plan may hold it', async () => {
    const plan = await readIssues([issue('a', edges('a', { waitsFor: ['far'], partOf: ['away'] }))], { replay: true })
    expect(rowOf(plan, 'a')).toMatchObject({ dependsOn: ['far'], parentId: 'away' })
    expect(plan.report).toMatchObject({
      levels: 1,
      warnings: [
        'a dependency the file does not hold: kept (line 1)',
        'a parent the file does not hold: kept (line 1)',
      ],
    })
  })

  test('from an id the file does not hold are dropped, with a warning', async () => {
    const plan = await readIssues([issue('a', { dependencies: [edge('far', 'a', 'blocks')] })])
    expect(plan.report.skipped.edges).toEqual({ total: 1, reasons: { 'from an unknown id': 1 } })
    expect(plan.report.warnings).toEqual(['an edge from an id the file does not hold: dropped (line 1)'])
  })

  test.each([
    ['the parent', ['e1'], 'e1'],
    ['an ancestor above a story', ['story', 'e1'], 'e1'],
    ['the nearest of two', ['story', 'e2', 'e1'], 'e2'],
    ['none', ['story', 'saga'], undefined],
  ])('upwards give a task its epic: %s', async (_which, above, epic) => {
    const records = above.map((id, index) => {
      const partOf = above.slice(index + 1, index + 2)
      return issue(id, { issue_type: id.startsWith('e') ? 'epic' : 'task', ...edges(id, { partOf }) })
    })
    const plan = await readIssues([...records, issue('t', edges('t', { partOf: above.slice(0, 1) }))])
    expect(rowOf(plan, 't').epic).toBe(epic)
  })

  test('an epic is not its own epic, but may have one', async () => {
    const plan = await readIssues([
      issue('e0', { issue_type: 'epic' }),
      issue('e1', { issue_type: 'epic', ...edges('e1', { partOf: ['e0'] }) }),
    ])
    expect(plan.tasks.map((task) => task.epic)).toEqual([undefined, 'e0'])
  })
})

describe('a replay', () => {
  const states = ['open', 'in_progress', 'hooked', 'blocked', 'closed', 'unheard-of']

  test.each(states.map((status) => [status]))('starts %s work as pending', async (status) => {
    const plan = await readIssues([issue('a', { status })], { replay: true })
    expect(rowOf(plan, 'a')).toMatchObject({ status: 'pending', metadata: { status } })
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

  test('leaves tombstones and what is not work out, and counts them', async () => {
    const plan = await readIssues(mixed, { replay: true })
    expect(idsOf(plan)).toEqual(['task', 'bug', 'feature', 'merge-request', 'molecule', 'gate', 'novel'])
    expect(plan.report).toMatchObject({
      records: 15,
      kinds: { event: 2, message: 1, agent: 1, role: 1, rig: 1, task: 1, bug: 1, novel: 1 },
      skipped: { tombstones: 2, notWork: { event: 2, message: 1, agent: 1, role: 1, rig: 1 } },
    })
  })

  test('is what it takes to leave anything out', async () => {
    const plan = await readIssues(mixed, { replay: false })
    expect(idsOf(plan)).toEqual(mixed.map((record) => record.id))
    expect(rowOf(plan, 'gone')).toMatchObject({ status: 'cancelled', type: 'task' })
    expect(rowOf(plan, 'event')).toMatchObject({ status: 'pending', type: 'event' })
    expect(rowOf(plan, 'event-2')).toMatchObject({ status: 'completed', type: 'event' })
    expect(plan.report).toMatchObject({
      kinds: { event: 2, task: 1 },
      skipped: { tombstones: 0, notWork: {}, edges: { total: 0, reasons: {} } },
    })
  })

  const linked = [
    issue('gone', { status: 'tombstone', ...edges('gone', { waitsFor: ['note', 'kept'] }) }),
    issue('note', { issue_type: 'event', ...edges('note', { partOf: ['kept'] }) }),
    issue('kept'),
    issue('a', edges('a', { waitsFor: ['gone', 'kept', 'note'], partOf: ['gone'] })),
    issue('b', edges('b', { partOf: ['gone', 'kept'] })),
  ]

  test('drops edges to skipped records with a warning, and those that go with one without', async () => {
    const plan = await readIssues(linked, { replay: true })
    expect(rowOf(plan, 'a').dependsOn).toEqual(['kept'])
    expect(rowOf(plan, 'a')).not.toHaveProperty('parentId')
    expect(plan.report).toMatchObject({
      skipped: { edges: { total: 7, reasons: { 'from a skipped record': 3, 'to a skipped record': 4 } } },
      edges: { blocks: 1, parentChild: 1, other: 0 },
      levels: 2,
      warnings: [
        'a dependency that is skipped: the edge is dropped (2 times, first line 4)',
        'a parent that is skipped: the edge is dropped (2 times, first line 4)',
      ],
    })
  })

  test('takes the second parent where the first one is skipped', async () => {
    expect(rowOf(await readIssues(linked, { replay: true }), 'b').parentId).toBe('kept')
    expect(rowOf(await readIssues(linked, { replay: false }), 'b').parentId).toBe('gone')
  })

  test('keeps other edges to skipped records: they bind nothing', async () => {
    const related = { issue_id: 'a', depends_on_id: 'gone', type: 'related' }
    const records = [issue('gone', { status: 'tombstone' }), issue('a', { dependencies: [related] })]
    const plan = await readIssues(records, { replay: true })
    expect(rowOf(plan, 'a').metadata).toMatchObject({ dependencies: [related] })
    expect(plan.report.warnings).toEqual([])
  })

  test('of nothing but skipped records has no tasks', async () => {
    const plan = await readIssues([issue('gone', { status: 'tombstone' })], { replay: true })
    expect(plan).toMatchObject({ tasks: [], report: { records: 1, levels: 0, skipped: { tombstones: 1 } } })
  })
})
