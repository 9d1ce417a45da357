import { describe, expect, test } from 'vitest'
import { edges, idsOf, issue, jsonLines, readIssues, refusal, rowOf } from './plan-file.ts'

describe('an issue becomes a row', () => {
  test('with the fields of the contract, and all others unchanged in metadata', async () => {
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
      notes: 'Comments:\nsomeone: Done?\n\nLabels: ui, urgent',
      parentId: 'shop-1',
      epic: 'shop-1',
      dependsOn: [],
      priority: 'critical',
      status: 'completed',
      metadata: {
        ...{ ...others, status: 'closed', priority: 0 },
        importedFrom: { format: 'beads', edges: edges('shop-1.1', { partOf: ['shop-1'] }).dependencies },
      },
    })
  })

  test('without the fields that it lacks', async () => {
    const plan = await readIssues([{ id: 'a', issue_type: 'task', status: 'open', title: null, description: null }])
    expect(plan.tasks).toStrictEqual([
      {
        ...{ externalId: 'a', type: 'task', dependsOn: [], priority: 'normal', status: 'pending' },
        metadata: { status: 'open', importedFrom: { format: 'beads' } },
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
  ])('with the id of the file: %s', async (id) => {
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
    ['In-Progress', 'pending'],
    ['closed', 'completed'],
    ['tombstone', 'cancelled'],
  ])('state %s is %s', async (given, status) => {
    const plan = await readIssues([issue('a', { status: given })])
    expect(rowOf(plan, 'a')).toMatchObject({ status, metadata: { status: given } })
    expect(plan.report.warnings).toEqual([])
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

  test('a warning is given once, with its number and its first place', async () => {
    const plan = await readIssues([
      issue('a', { status: 'stuck' }),
      issue('b'),
      issue('c', { status: 'stuck' }),
      issue('d', { status: 'lost' }),
      issue('e', { status: 'stuck' }),
    ])
    expect(plan.report.warnings).toEqual([
      'unknown state "stuck": held until tasks.unhold (3 times, first line 1)',
      'unknown state "lost": held until tasks.unhold (line 4)',
    ])
  })
})

describe('a malformed record is refused with its line', () => {
  const good = jsonLines([issue('a'), issue('b')])

  test.each([
    ['no id', { title: 'x' }, 'id: a record needs an id'],
    ['an empty id', issue(''), 'id: a record needs an id'],
    ['a number for an id', { ...issue(''), id: 7 }, 'id: a record needs an id'],
    ['an id of 201 characters', issue('x'.repeat(201)), 'id: an id has at most 200 characters'],
    ['a list', [1], 'a record is a JSON object'],
    ['a string', 'task', 'a record is a JSON object'],
    ['null', null, 'a record is a JSON object'],
    ['a number for a title', issue('c', { title: 7 }), /^title: /],
    ['a type of 201 characters', issue('c', { issue_type: 'k'.repeat(201) }), /^"c": type: /],
    ['dependencies that are not a list', issue('c', { dependencies: 'a' }), /^dependencies: /],
    ['a dependency that is an id', issue('c', { dependencies: ['a'] }), /^dependencies\.0: /],
    ['an empty dependency', issue('c', { dependencies: [{ type: 'blocks' }] }), /^dependencies\.0\.depends_on_id: /],
    [
      'a dependency with a long id',
      issue('c', edges('c', { waitsFor: ['a', 'x'.repeat(201)] })),
      /^dependencies\.1\.depends_on_id: /,
    ],
  ])('%s', async (_what, record, problem) => {
    const error = await refusal(`${good}${JSON.stringify(record)}\n${jsonLines([issue('d')])}`)
    expect(error.line).toBe(3)
    expect(error.message.startsWith('plan:3: ')).toBe(true)
    expect(error.message.slice('plan:3: '.length)).toMatch(problem)
  })

  test('more than 200 dependencies', async () => {
    const many = Array.from({ length: 201 }, (_, index) => `t${index}`)
    const records = [...many.map((id) => issue(id)), issue('c', edges('c', { waitsFor: many }))]
    const { message, line } = await refusal(jsonLines(records))
    expect([message.slice(0, 25), line]).toEqual(['plan:202: "c": dependsOn:', 202])
  })

  test('a record that a replay would skip is checked too', async () => {
    const tombstone = { title: 'x', status: 'tombstone', issue_type: 'task' }
    expect(await refusal(jsonLines([tombstone]), { replay: true })).toMatchObject({ line: 1 })
  })

  test.each([[false], [true]])('an id that occurs twice, with both lines (replay: %s)', async (replay) => {
    const content = `${good}\n${jsonLines([issue('c'), issue('b', { status: 'tombstone' })])}`
    expect(await refusal(content, { replay })).toMatchObject({
      message: 'plan:5: the id "b" occurs twice: lines 2 and 5',
      line: 5,
    })
  })
})
