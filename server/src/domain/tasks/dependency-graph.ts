import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { command, type Query, statement, type Transaction } from '../../store/store.ts'
import type { UnmetDependency } from './dependents.ts'

export const insertDependency = command(({ db, t, p }: Query<{ taskId: string; dependsOnId: string }>) =>
  db.insert(t.taskDependencies).values({ taskId: p.taskId, dependsOnId: p.dependsOnId }).prepare(),
)

const removeDependencies = statement(({ db, t, p }: Query<{ taskId: string }>) =>
  db
    .delete(t.taskDependencies)
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .returning({ id: t.taskDependencies.dependsOnId })
    .prepare(),
)

const findDependencies = statement(({ db, t, p }: Query<{ taskId: string }>) =>
  db
    .select({ id: t.taskDependencies.dependsOnId })
    .from(t.taskDependencies)
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

const lockStatus = statement(({ db, t, p, locked }: Query<{ project: string; taskId: string }>) =>
  locked(
    db
      .select({ status: t.tasks.status })
      .from(t.tasks)
      .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project))),
  ).prepare(),
)

/** A summary of a task's dependencies. */
export interface DependencyState {
  readonly dependencies: number
  /** The number of dependencies that are not completed. */
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
  const found = await Promise.all(ids.map((taskId) => tx.run(lockStatus, { project, taskId })))
  return new Map(
    ids.map((id, index) => {
      const status = found[index]?.[0]?.status
      if (status === undefined)
        throw new CoordinationError('INVALID_INPUT', `dependsOn names a task that does not exist: ${id}`)
      return [id, status] as const
    }),
  )
}

/** Returns the summary of a task's dependencies, by the statuses of those tasks. */
export function dependencyStateOf(ids: readonly string[], statuses: ReadonlyMap<string, string>): DependencyState {
  const open = ids.filter((id) => statuses.get(id) !== 'completed')
  const unmet = open.flatMap((id): UnmetDependency[] => {
    const status = statuses.get(id)
    return status === 'failed' || status === 'cancelled' ? [{ id, status }] : []
  })
  return { dependencies: ids.length, openDeps: open.length, unmet }
}

/** Throws DEPENDENCY_CYCLE if new dependencies close a cycle with those in the store. */
async function refuseCycle(tx: Transaction, task: DependentTask, dependsOn: readonly string[]): Promise<void> {
  const seen = new Set<string>()
  const open = [...dependsOn]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === task.id) {
      throw new CoordinationError('DEPENDENCY_CYCLE', `${task.externalId ?? task.id} would wait for itself`, {
        taskId: task.id,
      })
    }
    if (seen.has(next)) continue
    seen.add(next)
    for (const { id } of await tx.run(findDependencies, { taskId: next })) open.push(id)
  }
}

interface DependentTask {
  readonly id: string
  readonly projectId: string
  readonly externalId: string | null
}

/**
 * Replaces the dependencies of an existing task. The caller updates the task's own row in the same
 * transaction.
 */
export async function replaceDependencies(
  tx: Transaction,
  task: DependentTask,
  dependsOn: readonly string[],
): Promise<DependencyState> {
  // Two concurrent changes could each close half of a cycle that neither of them sees.
  await tx.exclusive('dependencies')
  const statuses = await readStatusesForUpdate(tx, task.projectId, dependsOn)
  await refuseCycle(tx, task, dependsOn)
  await tx.run(removeDependencies, { taskId: task.id })
  await Promise.all(dependsOn.map((dependsOnId) => tx.run(insertDependency, { taskId: task.id, dependsOnId })))
  return dependencyStateOf(dependsOn, statuses)
}
