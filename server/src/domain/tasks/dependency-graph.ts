import { CoordinationError } from '@tony/mcp-shared/errors'
import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { and, eq, type SQL, sql } from 'drizzle-orm'
import { inJsonList, selectJsonRowsSql } from '../../store/json-lists.ts'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import {
  areRivalKinds,
  cascadingKinds,
  childrenKinds,
  type Dependency,
  dependencyKinds,
  inKinds,
  isOpenEdge,
  isOwnKind,
  type UnmetDependency,
  waitKinds,
} from './dependency-kinds.ts'

const insertDependency = rowlessStatement(
  ({ db, t, p }: StatementParts<{ taskId: string; dependsOnId: string; kind: number }>) =>
    db
      .insert(t.taskDependencies)
      .values({ taskId: p.taskId, dependsOnId: p.dependsOnId, kind: p.kind })
      .onConflictDoNothing()
      .prepare(),
)

/** Inserts a JSON list of edges. */
const insertEdgeList = rowlessStatement(({ db, t, p }: StatementParts<{ edges: string }>) =>
  db
    .insert(t.taskDependencies)
    .select(selectJsonRowsSql(t.taskDependencies.kind, p.edges))
    .onConflictDoNothing()
    .prepare(),
)

/** Rows in one statement, which holds the event loop. */
const rowsPerStatement = 500

/** As many rows have a statement each: on PostgreSQL other operations of the batch share it. */
const singleStatementLimit = 2

export async function insertDependencies(tx: Transaction, edges: readonly Dependency[]): Promise<void> {
  if (edges.length <= singleStatementLimit) {
    await Promise.all(edges.map((edge) => tx.run(insertDependency, edge)))
    return
  }
  for (let start = 0; start < edges.length; start += rowsPerStatement) {
    const listed = edges
      .slice(start, start + rowsPerStatement)
      .map((edge) => [edge.taskId, edge.dependsOnId, edge.kind])
    await tx.run(insertEdgeList, { edges: JSON.stringify(listed) })
  }
}

const lockTaskStatus = statement(({ db, t, p, locked }: StatementParts<{ project: string; taskId: string }>) =>
  locked(
    db
      .select({ status: t.tasks.status })
      .from(t.tasks)
      .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project))),
  ).prepare(),
)

/**
 * The statement has no condition on the project, and its caller filters the rows. With the
 * condition SQLite would read all tasks of the project, because its estimates are rough.
 */
const lockListed = statement(({ db, t, p, locked }: StatementParts<{ ids: string }>) =>
  locked(
    db
      .select({ id: t.tasks.id, projectId: t.tasks.projectId, status: t.tasks.status })
      .from(t.tasks)
      .where(inJsonList(t.tasks.id, p.ids)),
  ).prepare(),
)

async function lockStatuses(tx: Transaction, project: string, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length <= singleStatementLimit) {
    const found = await Promise.all(ids.map((taskId) => tx.run(lockTaskStatus, { project, taskId })))
    return new Map(ids.flatMap((id, index) => (found[index] ?? []).map(({ status }) => [id, status] as const)))
  }
  const statuses = new Map<string, string>()
  for (let start = 0; start < ids.length; start += rowsPerStatement) {
    const rows = await tx.run(lockListed, { ids: JSON.stringify(ids.slice(start, start + rowsPerStatement)) })
    for (const row of rows) if (row.projectId === project) statuses.set(row.id, row.status)
  }
  return statuses
}

/** A summary of a task's dependencies. */
export interface DependencyState {
  /** The number of its own dependencies. */
  readonly dependencies: number
  /** The number of dependencies that are open. */
  readonly openDeps: number
  /** The dependencies that failed or were cancelled. */
  readonly unmet: readonly UnmetDependency[]
}

/**
 * Returns the statuses of these tasks and locks each row, so that none can complete between this
 * read and the insert of a dependency on it. The dependency would miss that completion. Throws
 * INVALID_INPUT for a task that does not exist.
 */
export async function readStatusesForUpdate(
  tx: Transaction,
  project: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const statuses = await lockStatuses(tx, project, ids)
  const missing = ids.find((id) => !statuses.has(id))
  if (missing !== undefined)
    throw new CoordinationError('INVALID_INPUT', `dependsOn names a task that does not exist: ${missing}`)
  return statuses
}

/**
 * Returns a task's own dependencies. A task may wait for another one and for its children.
 * Otherwise `dependsOn` wins over `waitsFor` if both name a task, because no end meets both.
 */
export function ownDependencies(taskId: string, { dependsOn, waitsFor }: Pick<TaskSpec, 'dependsOn' | 'waitsFor'>) {
  const named = [...new Set(dependsOn)]
  const edges = named.map((dependsOnId): Dependency => ({ taskId, dependsOnId, kind: dependencyKinds.blocks }))
  for (const { taskId: dependsOnId, kind: word } of waitsFor) {
    const kind = dependencyKinds[word]
    const rivals = edges.some((edge) => edge.dependsOnId === dependsOnId && areRivalKinds(kind, edge.kind))
    if (!rivals) edges.push({ taskId, dependsOnId, kind })
  }
  return edges
}

/** Returns the summary of a task's dependencies, by the statuses of the other tasks. */
export function dependencyStateOf(
  edges: readonly Pick<Dependency, 'dependsOnId' | 'kind'>[],
  statuses: ReadonlyMap<string, string>,
): DependencyState {
  const open = edges.filter(({ dependsOnId, kind }) => isOpenEdge(kind, statuses.get(dependsOnId) ?? ''))
  const unmet = open.flatMap(({ dependsOnId: id, kind }): UnmetDependency[] => {
    const status = statuses.get(id)
    const isUnmet = cascadingKinds.includes(kind) && (status === 'failed' || status === 'cancelled')
    return isUnmet ? [{ id, status }] : []
  })
  return { dependencies: edges.filter(({ kind }) => isOwnKind(kind)).length, openDeps: open.length, unmet }
}

const ownKinds = [dependencyKinds.blocks, dependencyKinds.children, dependencyKinds.failure]

/** True for a task that has not ended. A task that has ended waits for nothing. */
export const isLiveSql = ({ tasks }: Pick<StatementParts<object>['t'], 'tasks'>): SQL =>
  sql`${tasks.status} not in ('completed', 'failed', 'cancelled')`

/**
 * Returns the task if `from` is its id, or names a task that waits for it, directly or through
 * others. With `isLive` it follows only the edges of tasks that have not ended. The recursive query
 * reads its first id from a table: PostgreSQL refuses one whose first part is a parameter with
 * another collation than the column.
 */
const createReachedStatement = (kinds: readonly number[], isLive: boolean) =>
  statement(({ db, t, p }: StatementParts<{ taskId: string; from: string }>) => {
    const { tasks, taskDependencies: edges } = t
    const start = sql`select ${tasks.id} from ${tasks} where ${eq(tasks.id, p.from)}`
    const live = isLive ? sql` join ${tasks} on ${tasks.id} = reached.id and ${isLiveSql(t)}` : sql``
    const step = sql`select ${edges.dependsOnId} from reached${live} join ${edges} on ${edges.taskId} = reached.id where ${inKinds(edges.kind, kinds)}`
    const reached = sql`(with recursive reached(id) as (${start} union ${step}) select id from reached)`
    return db
      .select({ id: tasks.id })
      .from(tasks)
      .where(and(eq(tasks.id, p.taskId), sql`${tasks.id} in ${reached}`))
      .prepare()
  })

const findReachedByOwn = createReachedStatement(ownKinds, false)
const findReachedByWaits = createReachedStatement(waitKinds, true)

/** True if the task `from` is `taskId` or waits for it, directly or through others. */
export const dependsTransitively = async (tx: Transaction, from: string, taskId: string): Promise<boolean> =>
  from === taskId || (await tx.run(findReachedByWaits, { taskId, from })).length > 0

/** Throws DEPENDENCY_CYCLE if new dependencies close a cycle with those in the store. */
async function refuseCycle(tx: Transaction, task: DependentTask, own: readonly Dependency[]): Promise<void> {
  for (const { dependsOnId } of own) {
    const closes =
      dependsOnId === task.id || (await tx.run(findReachedByOwn, { taskId: task.id, from: dependsOnId })).length
    if (closes)
      throw new CoordinationError('DEPENDENCY_CYCLE', `${task.externalId ?? task.id} would wait for itself`, {
        taskId: task.id,
      })
  }
}

const removeOwnEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.taskId, p.taskId), inKinds(t.taskDependencies.kind, ownKinds)))
    .returning({ id: t.taskDependencies.dependsOnId })
    .prepare(),
)

const createRivalRemoval = (kinds: readonly number[]) =>
  statement(({ db, t: { taskDependencies: edges }, p }: StatementParts<{ taskId: string; dependsOnId: string }>) =>
    db
      .delete(edges)
      .where(and(eq(edges.taskId, p.taskId), eq(edges.dependsOnId, p.dependsOnId), inKinds(edges.kind, kinds)))
      .returning({ kind: edges.kind })
      .prepare(),
  )

const removeChildrenEdge = createRivalRemoval(childrenKinds)
const removeWaitEdge = createRivalRemoval(waitKinds)

/** Inserts an edge in place of the one that it excludes. */
export async function replaceEdge(tx: Transaction, edge: Dependency): Promise<void> {
  await tx.run(childrenKinds.includes(edge.kind) ? removeChildrenEdge : removeWaitEdge, edge)
  await tx.run(insertDependency, edge)
}

export interface DependentTask {
  readonly id: string
  readonly projectId: string
  readonly externalId: string | null
}

/**
 * Replaces the own dependencies of an existing task, and throws DEPENDENCY_CYCLE if they close a
 * cycle with others' own ones. The caller derives the other edges again afterwards.
 */
export async function replaceOwnDependencies(
  tx: Transaction,
  task: DependentTask,
  spec: Pick<TaskSpec, 'dependsOn' | 'waitsFor'>,
): Promise<void> {
  // Two concurrent changes could each close half of a cycle that neither of them sees.
  await tx.exclusive('dependencies')
  const own = ownDependencies(task.id, spec)
  await readStatusesForUpdate(
    tx,
    task.projectId,
    own.map(({ dependsOnId }) => dependsOnId),
  )
  await refuseCycle(tx, task, own)
  await tx.run(removeOwnEdges, { taskId: task.id })
  // A derived edge to the same task gives way.
  for (const edge of own) await replaceEdge(tx, edge)
}
