import { rankOf } from '@tony/mcp-shared/priorities'
import { type TaskSpec, taskSpecKeys } from '@tony/mcp-shared/tasks'
import { uuidv7 } from 'uuidv7'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { requireRegisteredAgent } from '../agents/lookup.ts'
import { actorOf, type Principal } from '../principal.ts'
import { canonicalRequires, ensureClaimGroup } from './claim-group.ts'
import { type DependencyState, insertDependency, lockDependencies } from './dependency-graph.ts'
import { unmetDependencyError } from './dependents.ts'
import { requirePools } from './locks.ts'
import { claimRank } from './queue-columns.ts'

interface NewTaskRow {
  id: string
  project: string
  externalId: string | null
  planHash: string | null
  type: string
  epic: string | null
  story: string | null
  title: string | null
  description: string | null
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

const insertTask = statement(({ db, t, p }: Query<NewTaskRow>) =>
  db
    .insert(t.tasks)
    .values({
      id: p.id,
      projectId: p.project,
      externalId: p.externalId,
      planHash: p.planHash,
      type: p.type,
      epic: p.epic,
      story: p.story,
      title: p.title,
      description: p.description,
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
    .returning()
    .prepare(),
)

export type TaskRow = Tables['tasks']['$inferSelect']

/**
 * The server's own data about a task. They are separate from its spec, in which a caller may add
 * any keys.
 */
export interface TaskOrigin {
  readonly id?: string
  readonly externalId?: string
  readonly planHash?: string
  /** The final status of an imported task that had ended at its source. */
  readonly ended?: 'completed' | 'failed' | 'cancelled'
}

/**
 * Returns the spec's keys that the contract does not define, together with the caller's metadata.
 */
export function metadataOf(spec: TaskSpec): string {
  const known = new Set(taskSpecKeys)
  const unknown = Object.entries(spec).filter(([key]) => !known.has(key))
  return JSON.stringify({ ...Object.fromEntries(unknown), ...spec.metadata })
}

/** The columns that come from a task's spec. */
export const specColumns = (spec: TaskSpec) => ({
  type: spec.type,
  epic: spec.epic ?? null,
  story: spec.story ?? null,
  title: spec.title ?? null,
  description: spec.description ?? null,
  parentId: spec.parentId ?? null,
  priority: rankOf(spec.priority),
  rank: claimRank(rankOf(spec.priority)),
  acceptance: spec.acceptance,
  onDependencyFailure: spec.onDependencyFailure,
  maxAttempts: spec.maxAttempts,
  scheduleToStartMs: spec.scheduleToStartMs ?? null,
  startToCloseMs: spec.startToCloseMs,
  locks: spec.locks.length === 0 ? null : JSON.stringify([...new Set(spec.locks)].sort()),
  metadata: metadataOf(spec),
})

/**
 * Returns the first state of a task: ended, blocked by dependencies, waiting for its time, or
 * ready.
 */
function initialState(now: number, { openDeps, unmet }: DependencyState, spec: TaskSpec, { ended }: TaskOrigin) {
  const closeBy = spec.scheduleToCloseMs === undefined ? null : now + spec.scheduleToCloseMs
  const notBefore = spec.notBefore === undefined ? null : Date.parse(spec.notBefore)
  const base = { closeBy, notBefore, error: null, ready: false, readyAt: null, timeoutAt: null, completedAt: now }
  if (ended !== undefined) return { ...base, status: ended }
  const [cause] = spec.onDependencyFailure === 'fail' ? unmet : []
  if (cause) return { ...base, status: 'failed', error: unmetDependencyError(cause) }
  const from = Math.max(notBefore ?? now, now)
  const startTimeout = spec.scheduleToStartMs === undefined || openDeps > 0 ? null : from + spec.scheduleToStartMs
  const timeoutAt =
    closeBy === null || startTimeout === null ? (closeBy ?? startTimeout) : Math.min(closeBy, startTimeout)
  const status = openDeps > 0 ? 'blocked' : 'pending'
  const ready = openDeps === 0 && from <= now
  return { ...base, status, ready, readyAt: ready ? now : null, timeoutAt, completedAt: null }
}

/**
 * Inserts one task with its dependencies on existing tasks, and appends its event. It runs inside
 * the caller's transaction.
 */
export async function enqueueTask(
  tx: Transaction,
  principal: Principal,
  spec: TaskSpec,
  origin: TaskOrigin = {},
): Promise<TaskRow> {
  const { project } = principal
  const dependsOn = [...new Set(spec.dependsOn)]
  const dependencyState = await lockDependencies(tx, project, dependsOn)
  const assignedTo = spec.assignedTo === undefined ? null : await requireRegisteredAgent(tx, project, spec.assignedTo)
  const requires = canonicalRequires(spec.requires)
  const routeId = await ensureClaimGroup(tx, { project, requires, assignedTo: assignedTo ?? '' })
  if (origin.ended === undefined) await requirePools(tx, project, spec.locks)
  const { ready, ...state } = initialState(tx.now, dependencyState, spec, origin)
  const createdBy = actorOf(principal)
  const identity = {
    id: origin.id ?? uuidv7(),
    externalId: origin.externalId ?? null,
    planHash: origin.planHash ?? null,
  }
  const { dependencies, openDeps } = dependencyState
  const queueColumns = { ...state, ready: ready ? routeId : null, dependencies, openDeps }
  const claimColumns = { project, requires, assignedTo, routeId }
  const [row] = await tx.run(insertTask, {
    ...specColumns(spec),
    ...identity,
    ...queueColumns,
    ...claimColumns,
    createdBy,
    now: tx.now,
  })
  if (!row) throw new Error('an insert returned no row')
  for (const dependsOnId of dependsOn) await tx.run(insertDependency, { taskId: row.id, dependsOnId })
  const data = { status: row.status, type: row.type, title: row.title, externalId: row.externalId }
  tx.append({ type: 'task.created', subject: row.id, actor: createdBy, taskId: row.id, epic: row.epic, data })
  if (ready) tx.wake({ topic: 'tasks', project, requires, assignedTo: assignedTo ?? '', count: 1 })
  return row
}
