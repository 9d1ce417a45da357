import { issue } from './plan-file.ts'
import { dice } from './support/dice.ts'

const pickFrom = <T>(roll: (sides: number) => number, from: readonly T[]): T => from[roll(from.length)] as T

const at = '2026-03-01T10:00:00.123456789+02:00'

/** A parent, a dependency and two ends outside the file, some of them. */
function edgesOf(id: string, index: number, roll: (sides: number) => number) {
  const edge = (to: string, type: string) => ({
    ...{ issue_id: id, depends_on_id: to, type, created_at: at, created_by: 'eve' },
  })
  const earlier = () => `demo-${roll(index).toString(36)}`
  return [
    ...(index > 0 && roll(3) === 0 ? [edge(earlier(), 'parent-child')] : []),
    ...(index > 1 && roll(3) === 0 ? [edge(earlier(), pickFrom(roll, ['blocks', 'waits-for', 'related']))] : []),
    ...(roll(6) === 0 ? [edge('external:other:cap', 'blocks'), edge('demo-gone-9', 'discovered-from')] : []),
  ].filter((each, place, all) => all.findIndex(({ depends_on_id: to }) => to === each.depends_on_id) === place)
}

const commentsOf = (id: string, index: number) => [
  { id: index, issue_id: id, author: 'eve', text: 'why?', created_at: at },
]

/** Returns beads issues of every state, with comments, unknown fields and unknown edges. */
export function beadsSource(count: number, seed: number): Record<string, unknown>[] {
  const roll = dice(seed)
  return Array.from({ length: count }, (_, index) => {
    const id = `demo-${index.toString(36)}`
    const status = pickFrom(roll, [
      ...Array(12).fill('open'),
      'closed',
      'in_progress',
      'hooked',
      'deferred',
      'tombstone',
    ])
    const edges = edgesOf(id, index, roll)
    return issue(id, {
      ...{ status, priority: roll(5), issue_type: pickFrom(roll, ['task', 'epic', 'bug', 'spike']) },
      ...{ created_at: at, updated_at: at, external_ref: `gh-${index}`, estimated_minutes: roll(90) },
      ...(status === 'closed' ? { closed_at: at, close_reason: 'Done' } : {}),
      ...(status === 'in_progress' ? { assignee: 'eve' } : {}),
      ...(roll(4) === 0 ? { labels: ['ui', 'later'] } : {}),
      ...(roll(4) === 0 ? { notes: 'see the wiki', design: 'a cookie', acceptance_criteria: 'redirects' } : {}),
      ...(roll(4) === 0 ? { comments: commentsOf(id, index) } : {}),
      ...(roll(4) === 0 ? { metadata: { jira: { key: `J-${index}` } }, new_field: [null, { deep: 1.5 }] } : {}),
      ...(roll(9) === 0 ? { defer_until: '2999-01-01T00:00:00Z' } : {}),
      ...(edges.length > 0 ? { dependencies: edges } : {}),
    })
  })
}

const taskStates = [
  'pending',
  'pending',
  'pending',
  'pending',
  'done',
  'in-progress',
  'review',
  'deferred',
  'cancelled',
]

/**
 * Returns a tagged Task Master document with fields of which nobody here knows. Some dependencies
 * name tasks that it does not hold.
 */
export function taskmasterSource(count: number, seed: number): Record<string, unknown> {
  const roll = dice(seed)
  const state = () => pickFrom(roll, taskStates)
  const before = (id: number) => {
    if (roll(8) === 0) return [900 + id]
    return id > 1 && roll(2) === 0 ? [1 + roll(id - 1)] : []
  }
  const subtask = (id: number) => ({
    ...{ id, title: `part ${id}`, description: 'a part', dependencies: before(id), status: state(), details: 'so' },
  })
  const taskOf = (id: number) => ({
    ...{ id, title: `task ${id}`, description: 'what to do', status: state(), dependencies: before(id) },
    ...{ priority: pickFrom(roll, ['high', 'medium', 'low']), details: 'how', testStrategy: 'by hand' },
    subtasks: Array.from({ length: roll(4) }, (_, index) => subtask(index + 1)),
    ...(roll(3) === 0 ? { complexityScore: roll(10), previousStatus: 'pending', metadata: { jira: id } } : {}),
  })
  const tagOf = (tag: string, size: number) => ({
    tasks: Array.from({ length: size }, (_, index) => taskOf(index + 1)),
    metadata: { created: '2026-03-01T10:00:00.000Z', description: `tasks of ${tag}` },
  })
  return { master: tagOf('master', count), web: tagOf('web', Math.ceil(count / 3)) }
}
