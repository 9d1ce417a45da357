import { and, eq, ne, sql } from 'drizzle-orm'
import { inJsonList } from '../../store/json-lists.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { isLiveSql } from './dependency-graph.ts'
import {
  areRivalKinds,
  childrenKinds,
  type Dependency,
  dependencyKinds,
  inheritedKind,
  inKinds,
  isStricterKind,
  waitKinds,
} from './dependency-kinds.ts'
import { findLeftOutOf } from './left-out-edges.ts'

/** A new task and the edges that are known before it is inserted. */
export interface NewTaskNode {
  readonly id: string
  readonly parentId: string | undefined
  /** Its own dependencies, and the ones from its plan. */
  readonly edges: readonly Dependency[]
}

/** A task and all tasks that wait for it, directly or through others. */
const findTransitiveDependents = statement(({ db, t, p }: StatementParts<{ taskId: string }>) => {
  const { taskDependencies: edges } = t
  const start = sql`select ${t.tasks.id} from ${t.tasks} where ${eq(t.tasks.id, p.taskId)}`
  const step = sql`select ${edges.taskId} from waiting join ${edges} on ${edges.dependsOnId} = waiting.id join ${t.tasks} on ${t.tasks.id} = ${edges.taskId} and ${isLiveSql(t)} where ${inKinds(edges.kind, waitKinds)}`
  const waiting = sql`(with recursive waiting(id) as (${start} union ${step}) select id from waiting)`
  return db.select({ id: t.tasks.id }).from(t.tasks).where(sql`${t.tasks.id} in ${waiting}`).prepare()
})

interface StoredFamily {
  /** The edges that the children of stored parents inherit, by parent, and those left out there. */
  readonly edges: ReadonlyMap<string, readonly Dependency[]>
  /** The parents that are stored already. */
  readonly parents: ReadonlySet<string>
  /** Stored tasks that wait for the children of a stored parent. */
  readonly expanding: readonly Dependency[]
  /** Stored children, by parent. */
  readonly children: ReadonlyMap<string | null, readonly { readonly id: string }[]>
}

interface ListedIds {
  /** A JSON list. */
  ids: string
}

const findEdgesOfListed = statement(({ db, t: { taskDependencies: edges }, p }: StatementParts<ListedIds>) =>
  db
    .select()
    .from(edges)
    .where(and(inJsonList(edges.taskId, p.ids), ne(edges.kind, sql.raw(String(dependencyKinds.child)))))
    .prepare(),
)

const findListedTasks = statement(({ db, t, p }: StatementParts<ListedIds>) =>
  db.select({ id: t.tasks.id }).from(t.tasks).where(inJsonList(t.tasks.id, p.ids)).prepare(),
)

const findExpandingEdges = statement(({ db, t: { taskDependencies: edges }, p }: StatementParts<ListedIds>) =>
  db
    .select()
    .from(edges)
    .where(and(inJsonList(edges.dependsOnId, p.ids), inKinds(edges.kind, childrenKinds)))
    .prepare(),
)

const findChildrenOfListed = statement(({ db, t, p }: StatementParts<ListedIds>) =>
  db
    .select({ id: t.tasks.id, parentId: t.tasks.parentId })
    .from(t.tasks)
    .where(inJsonList(t.tasks.parentId, p.ids))
    .prepare(),
)

/** Reads the stored tasks around new ones, in five queries at most. */
async function readFamily(
  tx: Transaction,
  outside: readonly string[],
  parentsOfStored: readonly string[],
): Promise<StoredFamily> {
  const listed = { ids: JSON.stringify(outside) }
  const [stored, leftOut, parents, expanding] =
    outside.length === 0
      ? [[], [], [], []]
      : await Promise.all([
          tx.run(findEdgesOfListed, listed),
          tx.run(findLeftOutOf, listed),
          tx.run(findListedTasks, listed),
          tx.run(findExpandingEdges, listed),
        ])
  const children =
    parentsOfStored.length === 0 ? [] : await tx.run(findChildrenOfListed, { ids: JSON.stringify(parentsOfStored) })
  return {
    edges: Map.groupBy([...stored, ...leftOut], ({ taskId }) => taskId),
    parents: new Set(parents.map(({ id }) => id)),
    expanding,
    children: Map.groupBy(children, ({ parentId }) => parentId),
  }
}

/** The graph of new tasks and of the stored ones that get edges to them. */
class NewEdges {
  readonly derived = new Set<Dependency>()
  readonly leftOut: Dependency[] = []
  readonly #byTask = new Map<string, Dependency[]>()
  /** For each stored task that gets edges to new ones: the stored tasks that wait for it. */
  readonly #waiters: ReadonlyMap<string, ReadonlySet<string>>

  constructor(nodes: readonly NewTaskNode[], waiters: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#waiters = waiters
    for (const { id, edges } of nodes) this.#byTask.set(id, [...edges])
  }

  edgesOf(id: string): readonly Dependency[] {
    return this.#byTask.get(id) ?? []
  }

  /** The edges of a new task, and its edges that were left out. */
  allOf(id: string): readonly Dependency[] {
    return [...this.edgesOf(id), ...this.leftOut.filter(({ taskId }) => taskId === id)]
  }

  /** Adds a derived edge, unless another one excludes it or it would close a cycle. */
  add(edge: Dependency): void {
    const { taskId, dependsOnId, kind } = edge
    const known = this.#byTask.get(taskId) ?? []
    const rival = known.find((one) => one.dependsOnId === dependsOnId && areRivalKinds(kind, one.kind))
    if (rival && !isStricterKind(kind, rival.kind)) return
    if (!rival && waitKinds.includes(kind) && this.#reaches(dependsOnId, taskId)) {
      this.leftOut.push(edge)
      return
    }
    this.#byTask.set(taskId, [...known.filter((one) => one !== rival), edge])
    if (rival) this.derived.delete(rival)
    this.derived.add(edge)
  }

  #reaches(from: string, to: string): boolean {
    const seen = new Set<string>([from])
    for (const id of seen) {
      if (id === to) return true
      for (const { dependsOnId, kind } of this.edgesOf(id)) if (waitKinds.includes(kind)) seen.add(dependsOnId)
      for (const [waiting, waiters] of this.#waiters) if (waiters.has(id)) seen.add(waiting)
    }
    return false
  }
}

/** Sorts nodes so that each comes after its parent. Nodes whose parents form a ring come last. */
function parentsFirst(nodes: readonly NewTaskNode[]): NewTaskNode[] {
  const own = new Map(nodes.map((node) => [node.id, node]))
  const children = Map.groupBy(nodes, ({ parentId }) => (parentId !== undefined && own.has(parentId) ? parentId : ''))
  const ordered = new Set(children.get('') ?? [])
  for (const node of ordered) for (const child of children.get(node.id) ?? []) ordered.add(child)
  return [...ordered, ...nodes.filter((node) => !ordered.has(node))]
}

async function readTransitiveDependents(
  tx: Transaction,
  family: StoredFamily,
  nodes: readonly NewTaskNode[],
  own: ReadonlySet<string>,
) {
  const waiting = new Set([...family.parents, ...family.expanding.map(({ taskId }) => taskId)])
  const leavesList = nodes.some(({ edges }) => edges.some(({ dependsOnId }) => !own.has(dependsOnId)))
  const waiters = new Map<string, ReadonlySet<string>>()
  if (waiting.size > 1 || leavesList)
    for (const taskId of waiting)
      waiters.set(taskId, new Set((await tx.run(findTransitiveDependents, { taskId })).map(({ id }) => id)))
  return waiters
}

/** The edges that follow from parents and children. */
interface DerivedEdges {
  readonly added: readonly Dependency[]
  /** Those that would close a cycle. */
  readonly leftOut: readonly Dependency[]
}

/**
 * Returns the edges that follow from the parents of new tasks. A parent waits for its children. A
 * child waits for the dependencies of its parent. A task with a `children` dependency waits for the
 * children of the other task. An edge that would close a cycle is left out. `mayHaveChildren` is
 * true if children of the new tasks may be stored already, as in the steps of a plan.
 */
export async function deriveEdges(
  tx: Transaction,
  nodes: readonly NewTaskNode[],
  mayHaveChildren: boolean,
): Promise<DerivedEdges> {
  const own = new Set(nodes.map(({ id }) => id))
  const parents = new Set(nodes.flatMap(({ parentId }) => parentId ?? []))
  const expanded = nodes.flatMap(({ edges }) => edges.filter(({ kind }) => childrenKinds.includes(kind)))
  if (!mayHaveChildren && parents.size === 0 && expanded.length === 0) return { added: [], leftOut: [] }
  // Two concurrent changes could each derive edges from half of the family.
  if (parents.size > 0) await tx.exclusive('dependencies')
  const outside = [...parents].filter((id) => !own.has(id))
  const expandedOutside = expanded.map(({ dependsOnId }) => dependsOnId).filter((id) => !own.has(id))
  const family = await readFamily(tx, outside, [...(mayHaveChildren ? own : []), ...expandedOutside])
  const edges = new NewEdges(nodes, await readTransitiveDependents(tx, family, nodes, own))
  addChildEdges(edges, nodes, family, own)
  const byParent = Map.groupBy(nodes, ({ parentId }) => parentId)
  for (const { id, parentId } of parentsFirst(nodes)) {
    const fromParent = parentId === undefined ? [] : (family.edges.get(parentId) ?? edges.allOf(parentId))
    for (const { dependsOnId, kind } of fromParent) {
      const inherited = inheritedKind(kind)
      if (inherited !== undefined) edges.add({ taskId: id, dependsOnId, kind: inherited })
    }
    for (const { dependsOnId } of edges.edgesOf(id).filter(({ kind }) => childrenKinds.includes(kind)))
      for (const child of [...(byParent.get(dependsOnId) ?? []), ...(family.children.get(dependsOnId) ?? [])])
        edges.add({ taskId: id, dependsOnId: child.id, kind: dependencyKinds.childOf })
  }
  return { added: [...edges.derived], leftOut: edges.leftOut }
}

/** Adds the edges to new or stored children, from parents and from tasks that wait for children. */
function addChildEdges(
  edges: NewEdges,
  nodes: readonly NewTaskNode[],
  { parents, expanding, children }: StoredFamily,
  own: ReadonlySet<string>,
): void {
  for (const { id, parentId } of nodes) {
    if (parentId !== undefined && (own.has(parentId) || parents.has(parentId)))
      edges.add({ taskId: parentId, dependsOnId: id, kind: dependencyKinds.child })
    for (const waiting of expanding)
      if (waiting.dependsOnId === parentId)
        edges.add({ taskId: waiting.taskId, dependsOnId: id, kind: dependencyKinds.childOf })
    for (const child of children.get(id) ?? [])
      edges.add({ taskId: id, dependsOnId: child.id, kind: dependencyKinds.child })
  }
}
