import { describe, expect, test } from 'vitest'
import { trackerEffects } from '../cli/src/plan/effects.ts'
import { type ReadOptions, readPlan } from '../cli/src/plan/read.ts'
import { idsOf, jsonLines, planFile, refusal, rowOf } from './plan-file.ts'

const read = async (document: unknown, options: Partial<ReadOptions> = {}) =>
  readPlan(await planFile(JSON.stringify(document), 'issues.json'), { replay: false, ...options })

type Fields = Record<string, unknown>

const pageOf = (number: number) => `https://github.com/octo/shop/issues/${number}`

/** An issue as `gh issue list --json` prints it with all its fields. */
const issue = (number: number, more: Fields = {}): Fields => ({
  ...{ number, title: `Do ${number}`, body: 'how', state: 'OPEN', stateReason: '', url: pageOf(number) },
  ...{ labels: [], milestone: null, assignees: [], comments: [], author: { login: 'ann' }, closed: false },
  ...{ parent: null, issueType: null, subIssues: list([]), blockedBy: list([]), blocking: list([]) },
  ...more,
})

const relatedTo = (number: number, state = 'OPEN'): Fields => ({
  ...{ number, title: `Do ${number}`, state, url: pageOf(number) },
})
const list = (nodes: readonly Fields[], totalCount = nodes.length) => ({ nodes, totalCount })
const label = (name: string): Fields => ({ id: 'LA_1', name, description: '', color: 'ededed' })

/** An issue as the REST API lists it. */
const restIssue = (number: number, more: Fields = {}): Fields => ({
  ...{ id: 1_000 + number, number, title: `Do ${number}`, body: null, state: 'open', state_reason: null },
  ...{ html_url: pageOf(number), url: `https://api.github.com/repos/octo/shop/issues/${number}` },
  ...{ labels: [], milestone: null, assignees: [], comments: 0, user: { login: 'ann' } },
  ...more,
})

describe('issues of gh', () => {
  test('become tasks with their fields, and all others stay in metadata', async () => {
    const plan = await read([
      issue(1, {
        labels: [label('bug'), label('Priority: High'), label('rust'), label('good first issue')],
        milestone: { number: 2, title: 'v1', description: '', dueOn: null },
        comments: [{ author: { login: 'bob' }, body: 'not on Mondays' }],
      }),
    ])
    expect(plan.format).toBe('github')
    expect(plan.tasks).toMatchObject([
      {
        ...{ externalId: 'octo/shop#1', title: 'Do 1', description: 'how', type: 'bug', priority: 'high' },
        ...{ epic: 'v1', requires: ['rust'], notes: 'Comments:\nbob: not on Mondays', status: 'pending' },
        metadata: { number: 1, url: pageOf(1), author: { login: 'ann' } },
      },
    ])
    expect(plan.report.requires).toEqual({ rust: 1 })
    expect((await read([issue(1, { labels: [label('rust')] })], { labels: 'ignored' })).tasks[0]).not.toHaveProperty(
      'requires',
    )
  })

  test('name each other in blockedBy, blocking, parent and subIssues', async () => {
    const plan = await read([
      issue(1, { subIssues: list([relatedTo(2)]), issueType: { name: 'Epic' } }),
      issue(2, { blockedBy: list([relatedTo(3)]) }),
      issue(3, { blocking: list([relatedTo(4), relatedTo(99)]) }),
      issue(4, { parent: relatedTo(1), blockedBy: undefined, blocking: undefined, subIssues: undefined }),
      issue(5, { blockedBy: [2, 3] }),
    ])
    expect(rowOf(plan, 'octo/shop#1').type).toBe('epic')
    expect(rowOf(plan, 'octo/shop#2')).toMatchObject({ parentId: 'octo/shop#1', dependsOn: ['octo/shop#3'] })
    expect(rowOf(plan, 'octo/shop#4')).toMatchObject({ parentId: 'octo/shop#1', dependsOn: ['octo/shop#3'] })
    expect(rowOf(plan, 'octo/shop#5').dependsOn).toEqual(['octo/shop#2', 'octo/shop#3'])
    expect(plan.tasks.filter(({ hold }) => hold !== undefined)).toEqual([])
  })

  test('are held by open blockers outside the file, by lists that are cut, and by an assignee', async () => {
    const plan = await read([
      issue(1, { blockedBy: list([relatedTo(90)]) }),
      issue(2, { blockedBy: list([relatedTo(91, 'CLOSED')]) }),
      issue(3, { blockedBy: list([relatedTo(2)], 51) }),
      issue(4, { subIssues: list([relatedTo(92)]) }),
      issue(5, { subIssues: undefined, subIssuesSummary: { total: 3, completed: 2, percentCompleted: 66 } }),
      issue(6, { assignees: [{ login: 'ann', name: 'Ann' }, { login: 'bob' }] }),
      issue(7, { subIssues: undefined, subIssuesSummary: { total: 1, completed: 0 } }),
      issue(8, { parent: relatedTo(7) }),
    ])
    expect(plan.tasks.map(({ externalId, hold }) => [externalId.replace('octo/shop#', ''), hold])).toEqual([
      ['1', 'it waits for octo/shop#90 outside the file'],
      ['2', undefined],
      ['3', 'it waits for issues that the file does not name'],
      ['4', 'its sub-issues octo/shop#92 are outside the file'],
      ['5', 'it has sub-issues that the file does not name'],
      ['6', 'it is assigned to ann, bob at its source'],
      ['7', undefined],
      ['8', undefined],
    ])
  })

  test('without an address have their number as id, and one issue of gh issue view is a plan', async () => {
    expect(idsOf(await read(issue(3, { url: undefined, blockedBy: list([{ number: 2 }]) })))).toEqual(['#3'])
    expect(idsOf(await read([{ number: 4, title: 'x', state: 'OPEN' }]))).toEqual(['#4'])
  })
})

describe('issues of the REST API', () => {
  test('are read with their parent, and pull requests are not work', async () => {
    const plan = await read([
      restIssue(1, { sub_issues_summary: { total: 1, completed: 0, percent_completed: 0 }, type: { name: 'Feature' } }),
      restIssue(2, { parent_issue_url: 'https://api.github.com/repos/octo/shop/issues/1', labels: ['rust'] }),
      restIssue(3, { pull_request: { url: 'https://api.github.com/repos/octo/shop/pulls/3' } }),
      restIssue(4, { pull_request: null, milestone: { title: 'v1', number: 2 } }),
    ])
    expect([plan.format, idsOf(plan)]).toEqual(['github', ['octo/shop#1', 'octo/shop#2', 'octo/shop#4']])
    expect(rowOf(plan, 'octo/shop#2')).toMatchObject({ parentId: 'octo/shop#1', requires: ['rust'] })
    expect(rowOf(plan, 'octo/shop#1').type).toBe('feature')
    expect(rowOf(plan, 'octo/shop#4').epic).toBe('v1')
    expect(plan.report.skipped.notWork).toEqual({ task: 1 })
  })

  test('with more open blockers than the file names are held', async () => {
    const summary = { blocked_by: 1, total_blocked_by: 2, blocking: 0, total_blocking: 0 }
    const plan = await read([
      restIssue(1, { issue_dependencies_summary: summary }),
      restIssue(2, { issue_dependencies_summary: summary, blocked_by: [restIssue(1)] }),
    ])
    expect(rowOf(plan, 'octo/shop#1').hold).toBe('it waits for issues that the file does not name')
    expect(rowOf(plan, 'octo/shop#2')).toMatchObject({ dependsOn: ['octo/shop#1'] })
    expect(rowOf(plan, 'octo/shop#2')).not.toHaveProperty('hold')
  })

  test.each([
    ['a list of pages', (issues: Fields[]) => JSON.stringify([issues, [restIssue(3)]]), 3],
    ['the result of a search', (issues: Fields[]) => JSON.stringify({ total_count: 2, items: issues }, null, 2), 2],
    ['an issue on each line', (issues: Fields[]) => jsonLines(issues), 2],
    ['an indented list', (issues: Fields[]) => JSON.stringify(issues, null, 2), 2],
  ])('%s is read', async (_what, write, count) => {
    const plan = await readPlan(await planFile(write([restIssue(1), restIssue(2)])), { replay: false })
    expect([plan.format, plan.tasks.length]).toEqual(['github', count])
  })
})

test.each(Object.entries(trackerEffects.github.states))(
  'the state %s has the effect of the table',
  async (word, effect) => {
    const isReason = ['completed', 'not_planned', 'duplicate'].includes(word)
    const states = isReason
      ? [
          issue(1, { state: 'CLOSED', stateReason: word.toUpperCase() }),
          restIssue(2, { state: 'closed', state_reason: word }),
        ]
      : [issue(1, { state: word.toUpperCase() }), restIssue(2, { state: word })]
    for (const { status, hold } of (await read(states)).tasks)
      expect([status, hold]).toEqual([effect.status, effect.hold])
  },
)

test.each(Object.entries(trackerEffects.github.labels ?? {}))(
  'the label %s has the effect of the table',
  async (word, effect) => {
    const [task] = (await read([issue(1, { labels: [label(word.replaceAll('_', '-').toUpperCase())] })])).tasks
    expect(task).not.toHaveProperty('requires')
    if (effect === 'none') expect([task?.type, task?.priority, task?.hold]).toEqual(['task', 'normal', undefined])
    else if ('kind' in effect) expect(task?.type).toBe(effect.kind)
    else if ('hold' in effect) expect(task?.hold).toBe(effect.hold)
    else expect(task?.priority).toBe(effect.priority)
  },
)

test('a closed issue blocks no task, however it was closed, and an unknown state holds', async () => {
  const plan = await read([
    issue(1, { state: 'CLOSED', stateReason: 'NOT_PLANNED' }),
    issue(2, { state: 'CLOSED', stateReason: 'COMPLETED' }),
    issue(3, { blockedBy: list([relatedTo(1, 'CLOSED'), relatedTo(2, 'CLOSED')]) }),
    issue(4, { state: 'ASLEEP' }),
  ])
  expect(rowOf(plan, 'octo/shop#3').dependsOn).toEqual(['octo/shop#2'])
  expect(rowOf(plan, 'octo/shop#4').hold).toBe('its source has the unknown state "asleep"')
})

test('a refusal lists all bad issues, and another format can be refused or forced', async () => {
  const bad = JSON.stringify([issue(1), issue(2, { title: 7 }), issue(3, { labels: 'x' })])
  expect((await refusal(bad)).message.split('\n')).toHaveLength(2)
  const forced = await refusal(JSON.stringify([issue(1)]), { replay: false, format: 'taskmaster' })
  expect(forced.message).toBe('plan: is not a file of the format taskmaster')
  expect((await read([issue(1)], { format: 'github' })).format).toBe('github')
})
