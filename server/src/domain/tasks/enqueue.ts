import { rankOfPriority } from '@tony/mcp-shared/priorities'
import { type TaskSpec, taskSpecKeys } from '@tony/mcp-shared/tasks'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { requireRegisteredAgent } from '../agents/lookup.ts'
import { actorOf, type Principal } from '../principal.ts'
import { canonicalRequires, ensureClaimGroup } from './claim-group.ts'
import { type DependencyState, dependencyStateOf, insertDependency, readStatusesForUpdate } from './dependency-graph.ts'
import { unmetDependencyError } from './dependents.ts'
import { notifyClaimable } from './lease.ts'
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
  priority: rankOfPriority(spec.priority),
  rank: claimRank(rankOfPriority(spec.priority)),
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

/** The project and the author of new tasks. */
export interface Authorship {
  readonly project: string
  readonly createdBy: string | null
}

export const authorshipOf = (principal: Principal): Authorship => ({
  project: principal.project,
  createdBy: actorOf(principal),
})

/** A task to insert. Its dependencies exist, or are earlier tasks of the same list. */
export interface NewTask {
  readonly spec: TaskSpec
  readonly origin?: TaskOrigin
}

/** The rows that new tasks refer to, read once for all tasks of a list. */
interface References {
  readonly statuses: ReadonlyMap<string, string>
  readonly agentIds: ReadonlyMap<string, string>
  readonly routeIds: ReadonlyMap<string, number>
}

const unique = (values: readonly (string | undefined)[]): string[] =>
  [...new Set(values)].filter((value) => value !== undefined)

const claimGroupKey = (requires: string, assignedTo: string): string => `${requires} ${assignedTo}`

/**
 * Reads and locks what new tasks refer to. Statements that do not depend on each other are sent
 * together: with PostgreSQL they share one round trip.
 */
async function readReferences(tx: Transaction, project: string, tasks: readonly IdentifiedTask[]): Promise<References> {
  const own = new Set(tasks.map(({ id }) => id))
  const dependsOn = unique(tasks.flatMap(({ spec }) => spec.dependsOn)).filter((id) => !own.has(id))
  const statuses = await readStatusesForUpdate(tx, project, dependsOn)
  const names = unique(tasks.map(({ spec }) => spec.assignedTo))
  const ids = await Promise.all(names.map((name) => requireRegisteredAgent(tx, project, name)))
  const agentIds = new Map(names.map((name, index) => [name, ids[index] ?? '']))
  const locks = unique(tasks.flatMap(({ spec, origin }) => (origin.ended === undefined ? spec.locks : [])))
  await requirePools(tx, project, locks)
  const routeIds = new Map<string, number>()
  for (const { spec } of tasks) {
    const requires = canonicalRequires(spec.requires)
    const assignedTo = agentIds.get(spec.assignedTo ?? '') ?? ''
    const key = claimGroupKey(requires, assignedTo)
    if (!routeIds.has(key)) routeIds.set(key, await ensureClaimGroup(tx, { project, requires, assignedTo }))
  }
  return { statuses, agentIds, routeIds }
}

interface IdentifiedTask extends Required<NewTask> {
  readonly id: string
}

/**
 * Returns the rows of new tasks. A task that depends on an earlier task of the list sees its first
 * status.
 */
function rowsOf(
  now: number,
  authorship: Authorship,
  tasks: readonly IdentifiedTask[],
  found: References,
): NewTaskRow[] {
  const statuses = new Map(found.statuses)
  return tasks.map(({ id, spec, origin }) => {
    const dependencyState = dependencyStateOf(unique(spec.dependsOn), statuses)
    const { ready, ...state } = initialState(now, dependencyState, spec, origin)
    const requires = canonicalRequires(spec.requires)
    const assignedTo = spec.assignedTo === undefined ? null : (found.agentIds.get(spec.assignedTo) ?? null)
    const routeId = found.routeIds.get(claimGroupKey(requires, assignedTo ?? '')) ?? 0
    statuses.set(id, state.status)
    return {
      ...specColumns(spec),
      ...state,
      id,
      externalId: origin.externalId ?? null,
      planHash: origin.planHash ?? null,
      ready: ready ? routeId : null,
      dependencies: dependencyState.dependencies,
      openDeps: dependencyState.openDeps,
      requires,
      assignedTo,
      routeId,
      project: authorship.project,
      createdBy: authorship.createdBy,
      now,
    }
  })
}

/**
 * Inserts tasks with their dependencies, and appends their events. It runs inside the caller's
 * transaction. Returns their rows in the same order.
 */
export async function enqueueTasks(
  tx: Transaction,
  authorship: Authorship,
  newTasks: readonly NewTask[],
): Promise<TaskRow[]> {
  const tasks = newTasks.map(({ spec, origin = {} }) => ({ id: origin.id ?? uuidv7(), spec, origin }))
  const references = await readReferences(tx, authorship.project, tasks)
  const inserted = await Promise.all(
    rowsOf(tx.now, authorship, tasks, references).map((row) => tx.run(insertTask, row)),
  )
  const edges = tasks.flatMap(({ id, spec }) =>
    unique(spec.dependsOn).map((dependsOnId) => ({ taskId: id, dependsOnId })),
  )
  await Promise.all(edges.map((edge) => tx.run(insertDependency, edge)))
  const rows = inserted.flat()
  for (const row of rows) {
    const data = { status: row.status, type: row.type, title: row.title, externalId: row.externalId }
    const actor = authorship.createdBy
    tx.append({ type: 'task.created', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  }
  for (const row of rows) if (row.ready !== null) notifyClaimable(tx, row)
  return rows
}

/** Inserts one task. */
export async function enqueueTask(tx: Transaction, authorship: Authorship, spec: TaskSpec): Promise<TaskRow> {
  const [row] = await enqueueTasks(tx, authorship, [{ spec }])
  if (!row) throw new Error('an insert returned no row')
  return row
}
