import type { PlannedTask } from '@tony/mcp-shared/plans'

/** The formats of other trackers that the table describes. */
export type EffectFormat = 'beads' | 'taskmaster' | 'athms' | 'github' | 'markdown'

/**
 * The effect of a state: the status of the task here. A task with `hold` is not handed out until
 * `tasks.unhold`, because its source holds it back.
 */
export interface StateEffect {
  readonly status: PlannedTask['status']
  readonly hold?: string
}

/**
 * The effect of an edge: `blocks`, `children` and `failure` are kinds of dependencies, `parent`
 * names the parent, and `none` has no effect on the readiness.
 */
export type EdgeEffect = 'blocks' | 'parent' | 'children' | 'failure' | 'none'

/** The effect of a kind or a flag: `not_work` skips the record, and `held` holds the task. */
export type RecordEffect = 'work' | 'not_work' | 'held'

/** The effect of a label. A label that is not listed is a capability that the task requires. */
export type LabelEffect =
  | { readonly kind: string }
  | { readonly priority: PlannedTask['priority'] }
  | { readonly hold: string }
  | 'none'

interface FormatEffects {
  readonly states: Readonly<Record<string, StateEffect>>
  readonly edges: Readonly<Record<string, EdgeEffect>>
  /** Kinds of records. A kind that is not listed is work. */
  readonly kinds: Readonly<Record<string, RecordEffect>>
  readonly flags: Readonly<Record<string, RecordEffect>>
  readonly labels?: Readonly<Record<string, LabelEffect>>
}

const claimable: StateEffect = { status: 'pending' }
const done: StateEffect = { status: 'completed' }
const calledOff: StateEffect = { status: 'cancelled' }
const holdEffect = (hold: string): StateEffect => ({ status: 'pending', hold })

const priorityLabels = (words: readonly string[], priority: PlannedTask['priority']) =>
  Object.fromEntries(words.map((word) => [word, { priority }]))

/** The labels of a new repository, and those with which people rank and hold issues. */
const githubLabels: Readonly<Record<string, LabelEffect>> = {
  bug: { kind: 'bug' },
  enhancement: { kind: 'feature' },
  feature: { kind: 'feature' },
  documentation: { kind: 'documentation' },
  epic: { kind: 'epic' },
  chore: { kind: 'chore' },
  good_first_issue: 'none',
  help_wanted: 'none',
  blocked: { hold: 'its source has blocked it' },
  on_hold: { hold: 'its source has deferred it' },
  in_progress: { hold: 'it is in progress at its source' },
  needs_triage: { hold: 'its source has not decided on it' },
  question: { hold: 'its source has not decided on it' },
  duplicate: { hold: 'its source calls it a duplicate' },
  invalid: { hold: 'its source calls it invalid' },
  wontfix: { hold: 'its source does not want it' },
  ...priorityLabels(['p0', 'critical', 'urgent', 'priority_critical', 'priority_urgent'], 'critical'),
  ...priorityLabels(['p1', 'priority_high', 'high_priority'], 'high'),
  ...priorityLabels(['p2', 'priority_medium', 'priority_normal'], 'normal'),
  ...priorityLabels(['p3', 'p4', 'priority_low', 'low_priority'], 'low'),
}

/**
 * The states, edges, kinds, flags and labels of other trackers, and the effect of each on a task
 * here: its status, its hold and its dependencies. The readers of plans, the tables in
 * docs/plans.md and the tests use this table. A state that the table lacks holds the task.
 */
export const trackerEffects: Readonly<Record<EffectFormat, FormatEffects>> = {
  beads: {
    states: {
      open: claimable,
      in_progress: holdEffect('it is in progress at its source'),
      hooked: holdEffect('an agent of its source has it'),
      blocked: holdEffect('its source has blocked it'),
      deferred: holdEffect('its source has deferred it'),
      pinned: holdEffect('it is pinned at its source'),
      closed: done,
      done,
      tombstone: calledOff,
      wont_do: calledOff,
      wontfix: calledOff,
      cancelled: calledOff,
    },
    edges: {
      blocks: 'blocks',
      depends_on: 'blocks',
      parent_child: 'parent',
      subtask_of: 'parent',
      waits_for: 'children',
      conditional_blocks: 'failure',
      related: 'none',
      relates_to: 'none',
      discovered_from: 'none',
      replies_to: 'none',
      duplicates: 'none',
      supersedes: 'none',
      authored_by: 'none',
      assigned_to: 'none',
      approved_by: 'none',
      attests: 'none',
      tracks: 'none',
      until: 'none',
      caused_by: 'none',
      validates: 'none',
      delegated_from: 'none',
    },
    kinds: {
      agent: 'not_work',
      event: 'not_work',
      gate: 'not_work',
      'merge-request': 'not_work',
      message: 'not_work',
      molecule: 'not_work',
      rig: 'not_work',
      role: 'not_work',
      template: 'not_work',
    },
    flags: { pinned: 'held', is_template: 'not_work', ephemeral: 'not_work' },
  },
  taskmaster: {
    states: {
      pending: claimable,
      todo: claimable,
      in_progress: holdEffect('it is in progress at its source'),
      review: holdEffect('it is in review at its source'),
      blocked: holdEffect('its source has blocked it'),
      deferred: holdEffect('its source has deferred it'),
      done,
      completed: done,
      cancelled: calledOff,
    },
    edges: { dependencies: 'blocks', subtasks: 'parent' },
    kinds: {},
    flags: {},
  },
  athms: {
    states: {
      pending: claimable,
      assigned: holdEffect('it is assigned at its source'),
      in_progress: holdEffect('it is in progress at its source'),
      blocked: holdEffect('its source has blocked it'),
      completed: done,
      failed: { status: 'failed' },
      cancelled: calledOff,
    },
    edges: { dependencies: 'blocks', blocked_by: 'blocks', parent_id: 'parent' },
    kinds: {},
    flags: {},
  },
  github: {
    states: {
      open: claimable,
      reopened: claimable,
      closed: done,
      completed: done,
      not_planned: calledOff,
      duplicate: calledOff,
    },
    edges: { blocked_by: 'blocks', blocking: 'blocks', parent: 'parent', sub_issues: 'parent' },
    kinds: {},
    flags: { pull_request: 'not_work', assignees: 'held' },
    labels: githubLabels,
  },
  markdown: {
    states: {
      '[ ]': claimable,
      '[x]': done,
      '[-]': calledOff,
      struck: calledOff,
      '[~]': holdEffect('it is in progress at its source'),
      '[/]': holdEffect('it is in progress at its source'),
      '[>]': holdEffect('its source has deferred it'),
    },
    edges: { nesting: 'parent' },
    kinds: {},
    flags: {},
  },
}

export const toSnakeCase = (word: string): string => word.trim().toLowerCase().replaceAll('-', '_')

/** Returns the effect of a state. An unknown state holds the task. */
export function stateEffectOf(format: EffectFormat, state: unknown): StateEffect & { readonly known: boolean } {
  const { states } = trackerEffects[format]
  const word = [String(state), toSnakeCase(String(state))].find((each) => Object.hasOwn(states, each))
  const known = typeof state === 'string' && word !== undefined ? states[word] : undefined
  if (known) return { ...known, known: true }
  return {
    status: 'pending',
    hold: `its source has the unknown state ${JSON.stringify(state) ?? 'none'}`,
    known: false,
  }
}
