import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import {
  type DependencyState,
  dependencyStateOf,
  dependsTransitively,
  isLiveSql,
  replaceEdge,
} from './dependency-graph.ts'
import {
  areRivalKinds,
  childrenKinds,
  type Dependency,
  dependencyKinds,
  inheritedKind,
  inKinds,
  isOwnKind,
  isStricterKind,
  waitKinds,
} from './dependency-kinds.ts'
import { eligibilityColumns } from './eligibility.ts'
import { findTask, notifyClaimable } from './lease.ts'
import { findFreedEdges, findLeftOutOf, leaveEdgesOut, removeLeftOut, removeLeftOutOf } from './left-out-edges.ts'

const { child, childOf } = dependencyKinds

export const findEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ dependsOnId: t.taskDependencies.dependsOnId, kind: t.taskDependencies.kind, status: t.tasks.status })
    .from(t.taskDependencies)
    .innerJoin(t.tasks, eq(t.tasks.id, t.taskDependencies.dependsOnId))
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

const findEdgesBetween = statement(
  ({ db, t: { taskDependencies: edges }, p }: StatementParts<{ taskId: string; dependsOnId: string }>) =>
    db
      .select({ kind: edges.kind })
      .from(edges)
      .where(and(eq(edges.taskId, p.taskId), eq(edges.dependsOnId, p.dependsOnId)))
      .prepare(),
)

const removeEdge = statement(
  ({ db, t: { taskDependencies: edges }, p }: StatementParts<{ taskId: string; dependsOnId: string; kind: number }>) =>
    db
      .delete(edges)
      .where(and(eq(edges.taskId, p.taskId), eq(edges.dependsOnId, p.dependsOnId), eq(edges.kind, p.kind)))
      .returning({ taskId: edges.taskId })
      .prepare(),
)

const removeDerivedEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.taskId, p.taskId), sql`${t.taskDependencies.kind} > ${sql.raw(String(child))}`))
    .returning({ taskId: t.taskDependencies.taskId })
    .prepare(),
)

export const findChildren = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
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

/** Returns the edges of a path of waits from one task to another; empty if there is none. */
async function findPath({ db, t }: Transaction, from: string, to: string): Promise<Dependency[]> {
  const { tasks, taskDependencies: edges } = t
  const reachedBy = new Map<string, Dependency | undefined>([[from, undefined]])
  let level = [from]
  while (level.length > 0 && !reachedBy.has(to)) {
    const found = await db
      .select({ taskId: edges.taskId, dependsOnId: edges.dependsOnId, kind: edges.kind })
      .from(edges)
      .innerJoin(tasks, eq(tasks.id, edges.taskId))
      .where(and(inArray(edges.taskId, level), inKinds(edges.kind, waitKinds), isLiveSql(t)))
    level = []
    for (const edge of found) {
      if (reachedBy.has(edge.dependsOnId)) continue
      reachedBy.set(edge.dependsOnId, edge)
      level.push(edge.dependsOnId)
    }
  }
  const path: Dependency[] = []
  for (let edge = reachedBy.get(to); edge; edge = reachedBy.get(edge.taskId)) path.push(edge)
  return path
}

interface FamilyMember {
  readonly id: string
  readonly parentId: string | null
}

interface AddedEdge extends Dependency {
  /** The kind of the edge that it replaces. */
  readonly replaced: number | undefined
}

/** A change of the edges, and the tasks whose open dependencies must be counted again. */
export class EdgeChange {
  readonly tx: Transaction
  readonly touched = new Set<string>()

  constructor(tx: Transaction) {
    this.tx = tx
  }

  /** Adds and returns a derived edge, unless another excludes it or it would close a cycle. */
  async add(edge: Dependency): Promise<AddedEdge | undefined> {
    const rival = (await this.tx.run(findEdgesBetween, edge)).find(({ kind }) => areRivalKinds(edge.kind, kind))
    if (rival && !isStricterKind(edge.kind, rival.kind)) return undefined
    const waits = waitKinds.includes(edge.kind)
    if (waits && !rival && (await dependsTransitively(this.tx, edge.dependsOnId, edge.taskId))) {
      await leaveEdgesOut(this.tx, [edge])
      return undefined
    }
    await replaceEdge(this.tx, edge)
    await this.tx.run(removeLeftOut, edge)
    this.touched.add(edge.taskId)
    return { ...edge, replaced: rival?.kind }
  }

  /** Leaves out a derived edge of each cycle through the edges of a task. */
  async breakCycles(taskId: string): Promise<void> {
    for (const { dependsOnId, kind } of await this.tx.run(findEdges, { taskId })) {
      while (waitKinds.includes(kind) && (await dependsTransitively(this.tx, dependsOnId, taskId))) {
        const path = [{ taskId, dependsOnId, kind }, ...(await findPath(this.tx, dependsOnId, taskId))]
        const derived = path.filter((edge) => !isOwnKind(edge.kind)).toSorted((a, b) => b.kind - a.kind)[0]
        if (!derived) throw new Error('a cycle of own dependencies was not refused')
        await this.tx.run(removeEdge, derived)
        await leaveEdgesOut(this.tx, [derived])
        this.touched.add(derived.taskId)
        if (derived === path[0]) break
      }
    }
  }

  /** Adds the left-out edges whose cycle has ended with an edge, or the end, of these tasks. */
  async addFreed(project: string, taskIds: readonly string[]): Promise<AddedEdge[]> {
    const freed = await findFreedEdges(this.tx, project, taskIds)
    if (freed.length > 0) await this.tx.exclusive('dependencies')
    const added: AddedEdge[] = []
    for (const edge of freed) {
      const one = await this.add(edge)
      if (one) added.push(one)
    }
    return added
  }

  /** Derives the edges of a task again, and then those of its descendants. */
  async deriveFamily(root: FamilyMember): Promise<void> {
    const family = new Map([[root.id, root.parentId]])
    const childIds = new Map<string, string[]>()
    // All old edges go first: one of them would keep a new edge against it from being added.
    for (const id of family.keys()) {
      await this.tx.run(removeDerivedEdges, { taskId: id })
      await this.tx.run(removeLeftOutOf, { taskId: id })
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

  async #deriveMember({ id, parentId }: FamilyMember): Promise<void> {
    if (parentId !== null) {
      await this.add({ taskId: parentId, dependsOnId: id, kind: child })
      for (const { taskId } of await this.tx.run(findDependentsOnChildren, { taskId: parentId }))
        await this.add({ taskId, dependsOnId: id, kind: childOf })
      const ofParent = await this.tx.run(findEdges, { taskId: parentId })
      const leftOut = await this.tx.run(findLeftOutOf, { ids: JSON.stringify([parentId]) })
      for (const { dependsOnId, kind } of [...ofParent, ...leftOut]) {
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

  async readState(taskId: string): Promise<DependencyState> {
    const edges = await this.tx.run(findEdges, { taskId })
    return dependencyStateOf(edges, new Map(edges.map(({ dependsOnId, status }) => [dependsOnId, status])))
  }

  /**
   * Counts the open dependencies of the touched tasks again, and blocks or unblocks them. Only an
   * operation that runs alone calls it: another one may have ended a task and not counted that yet.
   */
  async recount(project: string, actor: string | null, except?: string): Promise<void> {
    for (const taskId of this.touched) if (taskId !== except) await this.#recountTask(project, taskId, actor)
  }

  async #recountTask(project: string, taskId: string, actor: string | null): Promise<void> {
    const { tx } = this
    const [known] = await tx.run(findTask, { project, taskId })
    const { openDeps } = await this.readState(taskId)
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
}
