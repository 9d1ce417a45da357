import { and, eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { isLiveSql } from './dependency-graph.ts'
import type { FinalStatus } from './dependency-kinds.ts'
import { EdgeChange } from './edge-change.ts'
import { findEdgesAround } from './left-out-edges.ts'

/** A task that others wait for. */
export interface AwaitedTask {
  readonly project: string
  /** The number of its own open dependencies. Most tasks end without any. */
  readonly openDeps: number
}

/** The end of a task. */
export interface TaskEnd {
  readonly taskId: string
  readonly outcome: FinalStatus
  /** The tasks that have ended with it, and whose dependents do not count that yet. */
  readonly uncounted?: ReadonlySet<string>
}

/**
 * Adds the edges that a cycle through an ended task had left out, while its dependents still count
 * it as open. A parent is then not completed over a child that waited for it through this task.
 */
export async function addFreedEdges(
  tx: Transaction,
  { project }: AwaitedTask,
  actor: string | null,
  { taskId, uncounted = new Set() }: TaskEnd,
): Promise<void> {
  const edges = new EdgeChange(tx, new Set([...uncounted, taskId]))
  await edges.addFreed([taskId])
  await edges.recount(project, actor)
}

const findReopened = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ project: t.tasks.projectId, openDeps: t.tasks.openDeps })
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.taskId), isLiveSql(t)))
    .prepare(),
)

/** Leaves out derived edges of the cycles that a task closes again because it waits again. */
export async function closeCycles(tx: Transaction, taskId: string, actor: string | null): Promise<void> {
  const [reopened] = await tx.run(findReopened, { taskId })
  const leftOut = await findEdgesAround(tx, taskId)
  if (!reopened || (reopened.openDeps === 0 && leftOut.length === 0)) return
  await tx.exclusive('dependencies')
  const edges = new EdgeChange(tx)
  await edges.breakCycles(taskId)
  for (const edge of leftOut) await edges.add(edge)
  await edges.recount(reopened.project, actor)
}
