import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { uuidv7 } from '../../platform/uuid.ts'
import type { Transaction } from '../../store/store.ts'
import { requireRegisteredAgent } from '../agents/lookup.ts'
import { blockTask } from './block-tasks.ts'
import { canonicalRequires, ensureClaimGroup } from './claim-group.ts'
import { dependencyStateOf, insertDependencies, ownDependencies, readStatusesForUpdate } from './dependency-graph.ts'
import { type Dependency, isOpenEdge, waitKinds } from './dependency-kinds.ts'
import { dependencyOrder } from './dependency-order.ts'
import { deriveEdges } from './derived-dependencies.ts'
import { addFreedEdges } from './ended-cycles.ts'
import { notifyClaimable } from './lease.ts'
import { leaveEdgesOut } from './left-out-edges.ts'
import { requirePools } from './locks.ts'
import {
  type Authorship,
  initialState,
  insertTask,
  insertTaskRowless,
  type NewTaskRow,
  specColumns,
  storedHoldOf,
  type TaskOrigin,
} from './new-task.ts'
import type { TaskRow } from './task-row.ts'

/** A task to insert. Its dependencies exist, or are earlier tasks of the same list. */
export interface NewTask {
  readonly spec: TaskSpec
  readonly origin?: TaskOrigin
}

/** The rows that new tasks refer to, read once for all tasks of a list. */
interface TaskReferences {
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
async function prepareReferences(
  tx: Transaction,
  project: string,
  tasks: readonly IdentifiedTask[],
  edges: readonly Dependency[],
): Promise<TaskReferences> {
  const own = new Set(tasks.map(({ id }) => id))
  const needed = edges.filter(({ taskId }) => own.has(taskId)).map(({ dependsOnId }) => dependsOnId)
  const statuses = await readStatusesForUpdate(
    tx,
    project,
    unique(needed).filter((id) => !own.has(id)),
  )
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

/** The edges of new tasks, and those of stored tasks to them. */
interface NewGraph {
  readonly edges: readonly Dependency[]
  /** True if some of the edges are derived. The order of the list may then differ from theirs. */
  readonly hasDerived: boolean
  readonly leftOut: readonly Dependency[]
}

async function buildTaskGraph(tx: Transaction, tasks: readonly IdentifiedTask[]): Promise<NewGraph> {
  const nodes = tasks.map(({ id, spec, origin }) => {
    const own = ownDependencies(id, spec)
    const inherited = (origin.inherited ?? []).map((edge) => ({ ...edge, taskId: id }))
    return { id, parentId: spec.parentId, edges: [...own, ...inherited] }
  })
  const { added, leftOut } = await deriveEdges(
    tx,
    nodes,
    tasks.some(({ origin }) => origin.externalId !== undefined),
  )
  return { edges: [...nodes.flatMap(({ edges }) => edges), ...added], hasDerived: added.length > 0, leftOut }
}

/**
 * Returns the rows of new tasks. A task that depends on another one of the list sees its first
 * status.
 */
function newTaskRowsOf(
  now: number,
  authorship: Authorship,
  tasks: readonly IdentifiedTask[],
  found: TaskReferences,
  { edges, hasDerived }: NewGraph,
): NewTaskRow[] {
  const statuses = new Map(found.statuses)
  const byTask = Map.groupBy(edges, ({ taskId }) => taskId)
  const edgesOf = (id: string) => byTask.get(id) ?? []
  const keyed = tasks.map((task) => ({
    ...task,
    key: task.id,
    after: edgesOf(task.id).flatMap(({ dependsOnId, kind }) => (waitKinds.includes(kind) ? [dependsOnId] : [])),
  }))
  const rows = (hasDerived ? dependencyOrder(keyed) : keyed).map(({ id, spec, origin }): NewTaskRow => {
    const dependencyState = dependencyStateOf(edgesOf(id), statuses)
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
      // A task that fails with its dependency at once has ended, and an ended task has no hold.
      hold: state.completedAt === null ? storedHoldOf(now, authorship, spec, origin) : null,
      requires,
      assignedTo,
      routeId,
      project: authorship.project,
      createdBy: authorship.createdBy,
      now,
    }
  })
  const byId = new Map(rows.map((row) => [row.id, row]))
  return tasks.flatMap(({ id }) => byId.get(id) ?? [])
}

/** Counts new tasks as open dependencies of the stored tasks that wait for them. */
async function blockStoredDependents(
  tx: Transaction,
  rows: readonly NewTaskRow[],
  edges: readonly Dependency[],
  actor: string | null,
): Promise<void> {
  const statuses = new Map(rows.map(({ id, status }) => [id, status]))
  const open = edges.filter(
    ({ taskId, dependsOnId, kind }) => !statuses.has(taskId) && isOpenEdge(kind, statuses.get(dependsOnId) ?? ''),
  )
  for (const [taskId, { length: added, 0: first }] of Map.groupBy(open, (edge) => edge.taskId)) {
    const by = first?.dependsOnId ?? ''
    await blockTask(tx, { taskId, added }, { by, actor })
  }
}

/** Tasks to insert, with all that their rows refer to. */
interface PreparedTasks {
  readonly rows: readonly NewTaskRow[]
  readonly graph: NewGraph
}

async function prepareTasks(
  tx: Transaction,
  authorship: Authorship,
  newTasks: readonly NewTask[],
): Promise<PreparedTasks> {
  const tasks = newTasks.map(({ spec, origin = {} }) => ({ id: origin.id ?? uuidv7(), spec, origin }))
  const graph = await buildTaskGraph(tx, tasks)
  const references = await prepareReferences(tx, authorship.project, tasks, graph.edges)
  await tx.inOrder()
  return { rows: newTaskRowsOf(tx.now, authorship, tasks, references, graph), graph }
}

/** Stores the edges that cycles left out. A new task that has ended already is on no cycle. */
async function recordLeftOut(
  tx: Transaction,
  rows: readonly NewTaskRow[],
  leftOut: readonly Dependency[],
): Promise<void> {
  await leaveEdgesOut(tx, leftOut)
  const ended = rows.filter(({ completedAt }) => completedAt !== null)
  const [first] = ended
  if (!first) return
  const taskIds = ended.map(({ id }) => id)
  await addFreedEdges(tx, { project: first.project, taskIds }, first.createdBy)
}

/** Inserts the edges of inserted tasks, and appends their events. */
async function recordTasks(tx: Transaction, { rows, graph }: PreparedTasks): Promise<void> {
  await insertDependencies(tx, graph.edges)
  const actor = rows[0]?.createdBy ?? null
  for (const row of rows) {
    const data = { status: row.status, type: row.type, title: row.title, externalId: row.externalId }
    tx.append({ type: 'task.created', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  }
  if (graph.hasDerived) await blockStoredDependents(tx, rows, graph.edges, actor)
  if (graph.leftOut.length > 0) await recordLeftOut(tx, rows, graph.leftOut)
  const ready = rows.filter((row) => row.ready !== null)
  for (const group of Map.groupBy(ready, ({ routeId }) => routeId).values())
    for (const { project: projectId, requires, assignedTo } of group.slice(0, 1))
      notifyClaimable(tx, { projectId, requires, assignedTo }, group.length)
}

/**
 * Inserts tasks with their dependencies, and appends their events. It runs inside the caller's
 * transaction.
 */
export async function enqueueTasks(
  tx: Transaction,
  authorship: Authorship,
  newTasks: readonly NewTask[],
): Promise<void> {
  if (newTasks.length === 0) return
  const prepared = await prepareTasks(tx, authorship, newTasks)
  await Promise.all(prepared.rows.map((row) => tx.run(insertTaskRowless, row)))
  await recordTasks(tx, prepared)
}

/** Inserts one task. */
export async function enqueueTask(tx: Transaction, authorship: Authorship, spec: TaskSpec): Promise<TaskRow> {
  const prepared = await prepareTasks(tx, authorship, [{ spec }])
  const [row] = (await Promise.all(prepared.rows.map((each) => tx.run(insertTask, each)))).flat()
  if (!row) throw new Error('an insert returned no row')
  await recordTasks(tx, prepared)
  return row
}
