import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { type TaskSpec, taskSpecKeys } from '@tony/mcp-shared/tasks'
import { iso } from '../../platform/times.ts'
import { rowlessStatement, type StatementParts, statement } from '../../store/store.ts'
import { actorOf, type Principal } from '../principal.ts'
import type { DependencyState } from './dependency-graph.ts'
import type { Dependency, FinalStatus } from './dependency-kinds.ts'
import { unmetDependencyErrorText } from './dependents.ts'
import { claimRank } from './queue-columns.ts'

export interface NewTaskRow {
  id: string
  project: string
  externalId: string | null
  planHash: string | null
  type: string
  epic: string | null
  story: string | null
  title: string | null
  description: string | null
  acceptanceCriteria: string | null
  design: string | null
  notes: string | null
  parentId: string | null
  requires: string
  assignedTo: string | null
  priority: number
  rank: number
  status: string
  acceptance: string
  routeId: number
  ready: number | null
  readyAt: number | null
  dependencies: number
  openDeps: number
  rollsUp: number
  hold: string | null
  onDependencyFailure: string
  maxAttempts: number
  notBefore: number | null
  scheduleToStartMs: number | null
  startToCloseMs: number
  closeBy: number | null
  timeoutAt: number | null
  locks: string | null
  error: string | null
  metadata: string
  createdBy: string | null
  completedAt: number | null
  now: number
}

const buildTaskInsert = ({ db, t, p }: StatementParts<NewTaskRow>) =>
  db.insert(t.tasks).values({
    id: p.id,
    projectId: p.project,
    externalId: p.externalId,
    planHash: p.planHash,
    type: p.type,
    epic: p.epic,
    story: p.story,
    title: p.title,
    description: p.description,
    acceptanceCriteria: p.acceptanceCriteria,
    design: p.design,
    notes: p.notes,
    parentId: p.parentId,
    requires: p.requires,
    assignedTo: p.assignedTo,
    priority: p.priority,
    rank: p.rank,
    status: p.status,
    acceptance: p.acceptance,
    routeId: p.routeId,
    ready: p.ready,
    readyAt: p.readyAt,
    dependencies: p.dependencies,
    openDeps: p.openDeps,
    rollsUp: p.rollsUp,
    hold: p.hold,
    onDependencyFailure: p.onDependencyFailure,
    maxAttempts: p.maxAttempts,
    notBefore: p.notBefore,
    scheduleToStartMs: p.scheduleToStartMs,
    startToCloseMs: p.startToCloseMs,
    closeBy: p.closeBy,
    timeoutAt: p.timeoutAt,
    locks: p.locks,
    error: p.error,
    metadata: p.metadata,
    createdBy: p.createdBy,
    createdAt: p.now,
    completedAt: p.completedAt,
  })

/** Inserts a task and returns its row. */
export const insertTask = statement((query: StatementParts<NewTaskRow>) => buildTaskInsert(query).returning().prepare())

/** Inserts one of many tasks. A row that nobody reads would cost a third of the statement. */
export const insertTaskRowless = rowlessStatement((query: StatementParts<NewTaskRow>) =>
  buildTaskInsert(query).prepare(),
)

/**
 * The server's own data about a task. They are separate from its spec, in which a caller may add
 * any keys.
 */
export interface TaskOrigin {
  readonly id?: string
  readonly externalId?: string
  readonly planHash?: string
  /** The final status of an imported task that had ended at its source. */
  readonly ended?: FinalStatus
  /** The dependencies that it inherits from parents which are not stored yet. */
  readonly inherited?: readonly Pick<Dependency, 'dependsOnId' | 'kind'>[]
}

const knownKeys: ReadonlySet<string> = new Set(taskSpecKeys)

/**
 * Returns the spec's keys that the contract does not define, together with the caller's metadata.
 */
export function metadataTextOf(spec: TaskSpec): string {
  const unknown = Object.entries(spec).filter(([key]) => !knownKeys.has(key))
  return JSON.stringify({ ...Object.fromEntries(unknown), ...spec.metadata })
}

/** The columns that come from a task's spec. */
export const specColumns = (spec: TaskSpec) => ({
  type: spec.type,
  epic: spec.epic ?? null,
  story: spec.story ?? null,
  title: spec.title ?? null,
  description: spec.description ?? null,
  acceptanceCriteria: spec.acceptanceCriteria ?? null,
  design: spec.design ?? null,
  notes: spec.notes ?? null,
  parentId: spec.parentId ?? null,
  priority: rankOfPriority(spec.priority),
  rank: claimRank(rankOfPriority(spec.priority)),
  acceptance: spec.acceptance,
  onDependencyFailure: spec.onDependencyFailure,
  rollsUp: spec.onChildrenEnd === 'complete' ? 1 : 0,
  maxAttempts: spec.maxAttempts,
  scheduleToStartMs: spec.scheduleToStartMs ?? null,
  startToCloseMs: spec.startToCloseMs,
  locks: spec.locks.length === 0 ? null : JSON.stringify([...new Set(spec.locks)].sort()),
  metadata: metadataTextOf(spec),
})

/**
 * Returns the first state of a task: ended, blocked by dependencies, waiting for its time, or
 * ready.
 */
export function initialState(now: number, { openDeps, unmet }: DependencyState, spec: TaskSpec, { ended }: TaskOrigin) {
  const closeBy = spec.scheduleToCloseMs === undefined ? null : now + spec.scheduleToCloseMs
  const notBefore = spec.notBefore === undefined ? null : Date.parse(spec.notBefore)
  const base = { closeBy, notBefore, error: null, ready: false, readyAt: null, timeoutAt: null, completedAt: now }
  if (ended !== undefined) return { ...base, status: ended }
  const [cause] = spec.onDependencyFailure === 'fail' ? unmet : []
  if (cause) return { ...base, status: 'failed', error: unmetDependencyErrorText(cause) }
  const from = Math.max(notBefore ?? now, now)
  const isWaiting = openDeps > 0 || spec.hold !== undefined
  const startTimeout = spec.scheduleToStartMs === undefined || isWaiting ? null : from + spec.scheduleToStartMs
  const timeoutAt =
    closeBy === null || startTimeout === null ? (closeBy ?? startTimeout) : Math.min(closeBy, startTimeout)
  const status = openDeps > 0 ? 'blocked' : 'pending'
  const ready = !isWaiting && from <= now
  return { ...base, status, ready, readyAt: ready ? now : null, timeoutAt, completedAt: null }
}

/** The project and the author of new tasks. */
export interface Authorship {
  readonly project: string
  readonly createdBy: string | null
}

export const authorshipOf = (principal: Principal): Authorship => ({
  project: principal.project,
  createdBy: actorOf(principal),
})

/** Returns the hold of a new task as it is stored. A plan may lift a hold that a plan has set. */
export function storedHoldOf(
  now: number,
  { createdBy }: Authorship,
  { hold: reason }: Pick<TaskSpec, 'hold'>,
  { externalId }: Pick<TaskOrigin, 'externalId'>,
): string | null {
  if (reason === undefined) return null
  return JSON.stringify({ reason, by: createdBy, at: iso(now), ...(externalId === undefined ? {} : { planned: true }) })
}
