import type { Transaction } from '../../store/store.ts'
import type { Dependency } from '../tasks/dependency-kinds.ts'
import { EdgeChange } from '../tasks/edge-change.ts'
import { findLeftOutTo, leaveEdgesOut } from '../tasks/left-out-edges.ts'
import type { Authorship } from '../tasks/new-task.ts'
import { type CheckedTask, resolveTaskId, type TaskIds } from './check.ts'

interface Step {
  readonly tx: Transaction
  readonly authorship: Authorship
  readonly ids: TaskIds
}

/**
 * Stores the inherited edges of the tasks of a step that cycles of the plan leave out. The tasks
 * they lead to are published later, and the publication may be interrupted before.
 */
async function storeLeftOut({ tx, ids }: Step, tasks: readonly CheckedTask[]): Promise<void> {
  const edges = tasks.flatMap(({ key, leftOutOf }) =>
    leftOutOf.map(({ key: awaited, kind }): Dependency => {
      return { taskId: resolveTaskId(ids, key, key), dependsOnId: resolveTaskId(ids, awaited, key), kind }
    }),
  )
  await leaveEdgesOut(tx, edges)
}

/** Returns the left-out edges to tasks of a step: the plan's, and the stored ones to new tasks. */
async function findEdgesTo({ tx, ids }: Step, tasks: readonly CheckedTask[]): Promise<Dependency[]> {
  const planned = tasks.flatMap(({ key, leftOut }) =>
    leftOut.map(({ key: waiting, kind }): Dependency => {
      return { taskId: resolveTaskId(ids, waiting, key), dependsOnId: resolveTaskId(ids, key, key), kind }
    }),
  )
  const created = tasks.filter(({ change }) => change === 'created').map(({ key }) => resolveTaskId(ids, key, key))
  if (created.length === 0) return planned
  const known = new Set(planned.map(({ taskId, dependsOnId }) => `${taskId} ${dependsOnId}`))
  const stored = await tx.run(findLeftOutTo, { ids: JSON.stringify(created) })
  return [...planned, ...stored.filter(({ taskId, dependsOnId }) => !known.has(`${taskId} ${dependsOnId}`))]
}

/**
 * Stores the edges from tasks of a step that cycles of the plan leave out, and adds those to tasks
 * of the step if they close no cycle here. Otherwise they stay stored as left out.
 */
export async function addLeftOut(step: Step, tasks: readonly CheckedTask[]): Promise<void> {
  const changed = tasks.filter(({ change }) => change !== 'unchanged')
  await storeLeftOut(step, changed)
  const found = await findEdgesTo(step, changed)
  if (found.length === 0) return
  const { tx, authorship } = step
  await tx.exclusive('dependencies')
  const edges = new EdgeChange(tx)
  for (const edge of found) await edges.add(edge)
  await edges.recount(authorship.project, authorship.createdBy)
}
