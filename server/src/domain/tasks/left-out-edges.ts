import { and, eq, sql } from 'drizzle-orm'
import { inJsonList } from '../../store/json-lists.ts'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { isLiveSql } from './dependency-graph.ts'
import { type Dependency, dependencyKinds, inKinds, waitKinds } from './dependency-kinds.ts'

/** The left-out edges that one change looks at again. */
const freedEdgeLimit = 500

const insertLeftOut = rowlessStatement(
  ({ db, t, p }: StatementParts<{ taskId: string; dependsOnId: string; kind: number }>) =>
    db
      .insert(t.leftOutDependencies)
      .values({ taskId: p.taskId, dependsOnId: p.dependsOnId, kind: p.kind })
      .onConflictDoNothing()
      .prepare(),
)

/** Stores derived edges that would close a cycle. A task never waits for itself. */
export async function leaveEdgesOut(tx: Transaction, edges: readonly Dependency[]): Promise<void> {
  const others = edges.filter(({ taskId, dependsOnId }) => taskId !== dependsOnId)
  await Promise.all(others.map((edge) => tx.run(insertLeftOut, edge)))
}

export const removeLeftOut = statement(
  ({
    db,
    t: { leftOutDependencies: edges },
    p,
  }: StatementParts<{ taskId: string; dependsOnId: string; kind: number }>) =>
    db
      .delete(edges)
      .where(and(eq(edges.taskId, p.taskId), eq(edges.dependsOnId, p.dependsOnId), eq(edges.kind, p.kind)))
      .returning({ kind: edges.kind })
      .prepare(),
)

const { child, childOf } = dependencyKinds

/** The left-out edges of a task that do not lead to its children. */
export const removeLeftOutOf = statement(
  ({ db, t: { leftOutDependencies: edges }, p }: StatementParts<{ taskId: string }>) =>
    db
      .delete(edges)
      .where(and(eq(edges.taskId, p.taskId), sql`${edges.kind} > ${sql.raw(String(child))}`))
      .returning({ kind: edges.kind })
      .prepare(),
)

/** The left-out edges to a task that follow from its parent. */
export const removeLeftOutToChild = statement(
  ({ db, t: { leftOutDependencies: edges }, p }: StatementParts<{ taskId: string }>) =>
    db
      .delete(edges)
      .where(and(eq(edges.dependsOnId, p.taskId), inKinds(edges.kind, [child, childOf])))
      .returning({ kind: edges.kind })
      .prepare(),
)

/**
 * Selects left-out edges to stored tasks. While a plan is published, there are edges to tasks that
 * it has not inserted yet.
 */
const selectStored = ({ db, t }: StatementParts<object>) => {
  const { tasks, leftOutDependencies: edges } = t
  return db
    .select({ taskId: edges.taskId, dependsOnId: edges.dependsOnId, kind: edges.kind })
    .from(edges)
    .innerJoin(tasks, eq(tasks.id, edges.dependsOnId))
}

/** The left-out edges of the tasks of a JSON list. */
export const findLeftOutOf = statement((query: StatementParts<{ ids: string }>) =>
  selectStored(query).where(inJsonList(query.t.leftOutDependencies.taskId, query.p.ids)).prepare(),
)

/** The left-out edges to the tasks of a JSON list. */
export const findLeftOutTo = statement((query: StatementParts<{ ids: string }>) =>
  selectStored(query).where(inJsonList(query.t.leftOutDependencies.dependsOnId, query.p.ids)).prepare(),
)

const findLeftOutAround = statement((query: StatementParts<{ taskId: string }>) => {
  const { leftOutDependencies: edges } = query.t
  return selectStored(query)
    .where(sql`${eq(edges.taskId, query.p.taskId)} or ${eq(edges.dependsOnId, query.p.taskId)}`)
    .limit(freedEdgeLimit)
    .prepare()
})

/** The newest left-out edges among which a change looks for those of live tasks of its project. */
const scannedLimit = 5_000

/** The waits that a change follows from the tasks to which left-out edges lead. */
const followedLimit = 2_000

/**
 * The left-out edges to tasks that wait for a task of a JSON list, directly or through others. Only
 * their cycles may have led through an edge of these tasks. The query starts from the left-out
 * edges of the project, which are few: the tasks that wait for an ended one may be a whole plan. It
 * follows the shortest ways first. Without `cross join` SQLite would read all tasks of the project,
 * and without `not materialized` it would follow all waits in spite of the limit.
 */
const findFreed = statement(({ db, t, p }: StatementParts<{ project: string; ids: string }>) => {
  const { tasks, taskDependencies, leftOutDependencies: edges } = t
  const newest = sql`(select ${edges.taskId} as waiting, ${edges.dependsOnId} as awaited from ${edges} order by ${edges.taskId} desc limit ${sql.raw(String(scannedLimit))}) as newest`
  const starts = sql`select distinct newest.awaited from ${newest} cross join ${tasks} where ${tasks.id} = newest.waiting and ${eq(tasks.projectId, p.project)} and ${isLiveSql(t)} limit ${sql.raw(String(freedEdgeLimit))}`
  const step = sql`select reached.origin, ${taskDependencies.dependsOnId} from reached join ${tasks} on ${tasks.id} = reached.id and ${isLiveSql(t)} join ${taskDependencies} on ${taskDependencies.taskId} = reached.id where ${inKinds(taskDependencies.kind, waitKinds)}`
  const followed = sql`(select origin, id from reached limit ${sql.raw(String(followedLimit))}) as followed`
  const freed = sql`(with recursive starts(id) as (${starts}), reached(origin, id) as not materialized (select id, id from starts union ${step}) select followed.origin from ${followed} cross join ${tasks} where ${tasks.id} = followed.id and ${inJsonList(tasks.id, p.ids)})`
  return db
    .select({ taskId: edges.taskId, dependsOnId: edges.dependsOnId, kind: edges.kind })
    .from(edges)
    .innerJoin(tasks, eq(tasks.id, edges.taskId))
    .where(and(isLiveSql(t), sql`${edges.dependsOnId} in ${freed}`))
    .limit(freedEdgeLimit)
    .prepare()
})

/** Sorts edges so that those to children come first, as when they are derived. */
const inKindOrder = (edges: readonly Dependency[]): Dependency[] => edges.toSorted((a, b) => a.kind - b.kind)

/**
 * Returns the left-out edges whose cycles may have ended, because these tasks have ended or lost an
 * edge: 500 at most, because a change looks at each of them.
 */
export const findFreedEdges = async (
  tx: Transaction,
  project: string,
  taskIds: readonly string[],
): Promise<Dependency[]> => inKindOrder(await tx.run(findFreed, { project, ids: JSON.stringify(taskIds) }))

/** Returns the left-out edges of a task and those to it, 500 at most. */
export const findEdgesAround = async (tx: Transaction, taskId: string): Promise<Dependency[]> =>
  inKindOrder(await tx.run(findLeftOutAround, { taskId }))
