import type { PlannedTask } from '@tony/mcp-shared/plans'

/** The formats of other trackers that the table describes. */
export type EffectFormat = 'beads' | 'taskmaster'

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

interface FormatEffects {
  readonly states: Readonly<Record<string, StateEffect>>
  readonly edges: Readonly<Record<string, EdgeEffect>>
  /** Kinds of records. A kind that is not listed is work. */
  readonly kinds: Readonly<Record<string, RecordEffect>>
  readonly flags: Readonly<Record<string, RecordEffect>>
}

const taken: StateEffect = { status: 'pending' }
const done: StateEffect = { status: 'completed' }
const calledOff: StateEffect = { status: 'cancelled' }
const held = (hold: string): StateEffect => ({ status: 'pending', hold })

/**
 * The words of other trackers and their effect on the question if a task may be taken now. The
 * readers, the tables in docs/plans.md and the tests use it. A word that it lacks holds the task.
 */
export const effects: Readonly<Record<EffectFormat, FormatEffects>> = {
  beads: {
    states: {
      open: taken,
      in_progress: held('it is in progress at its source'),
      hooked: held('an agent of its source has it'),
      blocked: held('its source has blocked it'),
      deferred: held('its source has deferred it'),
      pinned: held('it is pinned at its source'),
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
      pending: taken,
      todo: taken,
      in_progress: held('it is in progress at its source'),
      review: held('it is in review at its source'),
      blocked: held('its source has blocked it'),
      deferred: held('its source has deferred it'),
      done,
      completed: done,
      cancelled: calledOff,
    },
    edges: { dependencies: 'blocks', subtasks: 'parent' },
    kinds: {},
    flags: {},
  },
}

export const toSnakeCase = (word: string): string => word.trim().toLowerCase().replaceAll('-', '_')

/** Returns the effect of a state. An unknown state holds the task. */
export function stateEffectOf(format: EffectFormat, state: unknown): StateEffect & { readonly known: boolean } {
  const known =
    typeof state === 'string' && Object.hasOwn(effects[format].states, toSnakeCase(state))
      ? effects[format].states[toSnakeCase(state)]
      : undefined
  if (known) return { ...known, known: true }
  return {
    status: 'pending',
    hold: `its source has the unknown state ${JSON.stringify(state) ?? 'none'}`,
    known: false,
  }
}
