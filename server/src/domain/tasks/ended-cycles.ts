import { and, eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { blockTask } from './block-tasks.ts'
import { isLiveSql, readStatusesForUpdate } from './dependency-graph.ts'
import { isFinalStatus, isOpenEdge } from './dependency-kinds.ts'
import { EdgeChange } from './edge-change.ts'
import { findEdgesAround } from './left-out-edges.ts'
import { isUncountedEnd } from './uncounted-ends.ts'

/** Tasks that have ended together. */
interface EndedTasks {
  readonly project: string
  readonly taskIds: readonly string[]
  /** True while their dependents still count them as open. */
  readonly areUncounted?: boolean
}

/** Returns the status that the dependents of a task count: an end that is not counted is none. */
async function readCountedStatus(tx: Transaction, taskId: string, ended: EndedTasks): Promise<string> {
  const status = (await readStatusesForUpdate(tx, ended.project, [taskId])).get(taskId) ?? ''
  if (!isFinalStatus(status)) return status
  const isUncounted = (ended.areUncounted && ended.taskIds.includes(taskId)) || (await isUncountedEnd(tx, taskId))
  return isUncounted ? 'pending' : status
}

/**
 * Adds the edges that cycles through ended tasks had left out, while their dependents still count
 * these as open. A parent is then not completed over a child that waited for it through an ended
 * task. It adds to the counts and does not count again: an operation that runs at the same time may
 * have ended a task whose dependents count that later.
 */
export async function addFreedEdges(tx: Transaction, ended: EndedTasks, actor: string | null): Promise<void> {
  const edges = new EdgeChange(tx)
  for (const { taskId, dependsOnId, kind, replaced } of await edges.addFreed(ended.project, ended.taskIds)) {
    const status = await readCountedStatus(tx, dependsOnId, ended)
    const wasOpen = replaced !== undefined && isOpenEdge(replaced, status)
    if (wasOpen || !isOpenEdge(kind, status)) continue
    await blockTask(tx, { taskId, added: 1 }, { by: dependsOnId, actor })
  }
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
