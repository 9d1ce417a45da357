import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import {
  type DependencyState,
  type DependentTask,
  dependencyStateOf,
  dependsTransitively,
  insertDependency,
  replaceOwnDependencies,
} from './dependency-graph.ts'
import {
  childrenKinds,
  type Dependency,
  dependencyKinds,
  inheritedKind,
  inKinds,
  isOwnKind,
} from './dependency-kinds.ts'
import { eligibilityColumns } from './eligibility.ts'
import { findTask, notifyClaimable } from './lease.ts'

const { child, childOf } = dependencyKinds

const findEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ dependsOnId: t.taskDependencies.dependsOnId, kind: t.taskDependencies.kind, status: t.tasks.status })
    .from(t.taskDependencies)
    .innerJoin(t.tasks, eq(t.tasks.id, t.taskDependencies.dependsOnId))
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

const removeEdge = statement(({ db, t, p }: StatementParts<{ taskId: string; dependsOnId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.taskId, p.taskId), eq(t.taskDependencies.dependsOnId, p.dependsOnId)))
    .returning({ taskId: t.taskDependencies.taskId })
    .prepare(),
)

const removeDerivedEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.taskId, p.taskId), sql`${t.taskDependencies.kind} > ${sql.raw(String(child))}`))
    .returning({ taskId: t.taskDependencies.taskId })
    .prepare(),
)

/** The edges to a task that follow from its parent. */
const removeChildEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.dependsOnId, p.taskId), inKinds(t.taskDependencies.kind, [child, childOf])))
    .returning({ taskId: t.taskDependencies.taskId })
    .prepare(),
)

const findChildren = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(and(eq(t.tasks.parentId, p.taskId), isNotNull(t.tasks.parentId)))
    .orderBy(t.tasks.ord)
    .prepare(),
)

/** The tasks that wait for the children of a task. */
const findDependentsOnChildren = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ taskId: t.taskDependencies.taskId })
    .from(t.taskDependencies)
    .where(and(eq(t.taskDependencies.dependsOnId, p.taskId), inKinds(t.taskDependencies.kind, childrenKinds)))
    .prepare(),
)

/** Returns the edges of a path from one task to another; empty if there is none. */
async function findPath({ db, t }: Transaction, from: string, to: string): Promise<Dependency[]> {
  const reachedBy = new Map<string, Dependency | undefined>([[from, undefined]])
  let level = [from]
  while (level.length > 0 && !reachedBy.has(to)) {
    const edges = await db.select().from(t.taskDependencies).where(inArray(t.taskDependencies.taskId, level))
    level = []
    for (const edge of edges) {
      if (reachedBy.has(edge.dependsOnId)) continue
      reachedBy.set(edge.dependsOnId, edge)
      level.push(edge.dependsOnId)
    }
  }
  const path: Dependency[] = []
  for (let edge = reachedBy.get(to); edge; edge = reachedBy.get(edge.taskId)) path.push(edge)
  return path
}

/** A change of the edges, and the tasks whose open dependencies must be counted again. */
class EdgeChange {
  readonly tx: Transaction
  readonly touched = new Set<string>()

  constructor(tx: Transaction) {
    this.tx = tx
  }

  /** Adds a derived edge, unless its task has one already or it would close a cycle. */
  async add(edge: Dependency): Promise<void> {
    const known = await this.tx.run(findEdges, { taskId: edge.taskId })
    if (known.some(({ dependsOnId }) => dependsOnId === edge.dependsOnId)) return
    if (await dependsTransitively(this.tx, edge.dependsOnId, edge.taskId)) return
    await this.tx.run(insertDependency, edge)
    this.touched.add(edge.taskId)
  }

  /** Removes derived edges of each cycle through new dependencies of a task. */
  async breakCycles(taskId: string): Promise<void> {
    for (const { dependsOnId } of await this.tx.run(findEdges, { taskId })) {
      while (await dependsTransitively(this.tx, dependsOnId, taskId)) {
        const path = await findPath(this.tx, dependsOnId, taskId)
        const derived = path.filter(({ kind }) => !isOwnKind(kind)).toSorted((a, b) => b.kind - a.kind)[0]
        if (!derived) throw new Error('a cycle of own dependencies was not refused')
        await this.tx.run(removeEdge, derived)
        this.touched.add(derived.taskId)
      }
    }
  }

  /** Derives the edges of a task again, and then those of its descendants. */
  async deriveFamily(root: { readonly id: string; readonly parentId: string | null }): Promise<void> {
    const family = new Map([[root.id, root.parentId]])
    const childIds = new Map<string, string[]>()
    // All old edges go first: one of them would keep a new edge against it from being added.
    for (const id of family.keys()) {
      await this.tx.run(removeDerivedEdges, { taskId: id })
      this.touched.add(id)
      childIds.set(
        id,
        (await this.tx.run(findChildren, { taskId: id })).map((row) => row.id),
      )
      for (const childId of childIds.get(id) ?? []) if (!family.has(childId)) family.set(childId, id)
    }
    for (const [id, parentId] of family) {
      await this.#deriveMember({ id, parentId })
      for (const childId of childIds.get(id) ?? []) await this.add({ taskId: id, dependsOnId: childId, kind: child })
    }
  }

  async #deriveMember({ id, parentId }: { readonly id: string; readonly parentId: string | null }): Promise<void> {
    if (parentId !== null) {
      await this.add({ taskId: parentId, dependsOnId: id, kind: child })
      for (const { taskId } of await this.tx.run(findDependentsOnChildren, { taskId: parentId }))
        await this.add({ taskId, dependsOnId: id, kind: childOf })
      for (const { dependsOnId, kind } of await this.tx.run(findEdges, { taskId: parentId })) {
        const inherited = inheritedKind(kind)
        if (inherited !== undefined) await this.add({ taskId: id, dependsOnId, kind: inherited })
      }
    }
    for (const { dependsOnId, kind } of await this.tx.run(findEdges, { taskId: id })) {
      if (!childrenKinds.includes(kind)) continue
      for (const other of await this.tx.run(findChildren, { taskId: dependsOnId }))
        await this.add({ taskId: id, dependsOnId: other.id, kind: childOf })
    }
  }
}

async function readState(tx: Transaction, taskId: string): Promise<DependencyState> {
  const edges = await tx.run(findEdges, { taskId })
  return dependencyStateOf(edges, new Map(edges.map(({ dependsOnId, status }) => [dependsOnId, status])))
}

/** Counts the open dependencies of a task again, and blocks or unblocks it. */
async function recountOpenDependencies(
  tx: Transaction,
  project: string,
  taskId: string,
  actor: string | null,
): Promise<void> {
  const [known] = await tx.run(findTask, { project, taskId })
  const { openDeps } = await readState(tx, taskId)
  if (!known || known.openDeps === openDeps) return
  const { tasks } = tx.t
  const { routeId } = known
  const conditions = {
    hold: sql`${tasks.hold}`,
    openDeps,
    routeId,
    notBefore: sql`${tasks.notBefore}`,
    closeBy: sql`${tasks.closeBy}`,
    scheduleToStartMs: sql`${tasks.scheduleToStartMs}`,
    now: tx.now,
  }
  const [row] = await tx.db
    .update(tasks)
    .set(eligibilityColumns(tx.t, conditions))
    .where(eq(tasks.id, taskId))
    .returning()
  if (!row || row.status === known.status) return
  const type = row.status === 'blocked' ? 'task.blocked' : 'task.unblocked'
  tx.append({ type, subject: taskId, actor, taskId, epic: row.epic, data: { by: null } })
  if (row.ready !== null) notifyClaimable(tx, row)
}

/** The dependencies of a task after a change, and its new parent. */
export interface ChangedDependencies extends Pick<TaskSpec, 'dependsOn' | 'waitsFor'> {
  /** May be the id of a task that is not stored yet. */
  readonly parentId: string | null
  /** Edges that a plan has derived from parents that are not stored yet. */
  readonly inherited?: readonly Pick<Dependency, 'dependsOnId' | 'kind'>[]
}

const hasChildrenKind = (kinds: readonly number[]): boolean => kinds.some((kind) => childrenKinds.includes(kind))

async function findStoredTaskId(tx: Transaction, project: string, taskId: string | null): Promise<string | null> {
  const [row] = taskId === null ? [] : await tx.run(findTask, { project, taskId })
  return row?.id ?? null
}

/**
 * Replaces the dependencies and the parent of an existing task, and derives the edges of its
 * descendants again. The caller updates the task's own row in the same transaction.
 */
export async function changeDependencies(
  tx: Transaction,
  task: DependentTask & { readonly parentId: string | null },
  change: ChangedDependencies,
  actor: string | null,
): Promise<DependencyState> {
  await replaceOwnDependencies(tx, task, change)
  const edges = new EdgeChange(tx)
  await edges.breakCycles(task.id)
  if (task.parentId !== change.parentId)
    for (const { taskId } of await tx.run(removeChildEdges, { taskId: task.id })) edges.touched.add(taskId)
  const own = await tx.run(findEdges, { taskId: task.id })
  const hasFamily =
    task.parentId !== null ||
    change.parentId !== null ||
    own.some(({ kind }) => !isOwnKind(kind)) ||
    hasChildrenKind(own.map(({ kind }) => kind)) ||
    (await tx.run(findChildren, { taskId: task.id })).length > 0
  if (hasFamily)
    await edges.deriveFamily({ id: task.id, parentId: await findStoredTaskId(tx, task.projectId, change.parentId) })
  for (const edge of change.inherited ?? []) await edges.add({ ...edge, taskId: task.id })
  for (const taskId of edges.touched)
    if (taskId !== task.id) await recountOpenDependencies(tx, task.projectId, taskId, actor)
  return readState(tx, task.id)
}
