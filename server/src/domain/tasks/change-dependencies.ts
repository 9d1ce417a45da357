import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { and, eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { type DependencyState, type DependentTask, replaceOwnDependencies } from './dependency-graph.ts'
import { childrenKinds, type Dependency, dependencyKinds, inKinds, isOwnKind } from './dependency-kinds.ts'
import { EdgeChange, findChildren, findEdges } from './edge-change.ts'
import { findTask } from './lease.ts'
import { removeLeftOutToChild } from './left-out-edges.ts'

const { child, childOf } = dependencyKinds

/** The edges to a task that follow from its parent. */
const removeChildEdges = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(and(eq(t.taskDependencies.dependsOnId, p.taskId), inKinds(t.taskDependencies.kind, [child, childOf])))
    .returning({ taskId: t.taskDependencies.taskId })
    .prepare(),
)

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
  if (task.parentId !== change.parentId) {
    for (const { taskId } of await tx.run(removeChildEdges, { taskId: task.id })) edges.touched.add(taskId)
    await tx.run(removeLeftOutToChild, { taskId: task.id })
  }
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
  await edges.addFreed(task.projectId, [task.id, ...edges.touched])
  await edges.recount(task.projectId, actor, task.id)
  return edges.readState(task.id)
}
