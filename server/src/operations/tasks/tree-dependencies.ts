import type { taskTreeOutput } from '@tony/mcp-shared/task-queries'
import { and, asc, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import {
  childrenKinds,
  dependencyKinds,
  isFinalStatus,
  isOpenEdge,
  isOwnKindSql,
} from '../../domain/tasks/dependency-kinds.ts'
import type { Reader } from '../../store/store.ts'

type Dependencies = NonNullable<z.output<typeof taskTreeOutput>['dependencies']>
type DependencyWord = Dependencies[number]['kind']

/** Number of dependencies that a tree has at most. A task has up to 400. */
const dependencyLimit = 5_000

const words: ReadonlyMap<number, DependencyWord> = new Map([
  [dependencyKinds.blocks, 'blocks'],
  [dependencyKinds.children, 'children'],
  [dependencyKinds.failure, 'failure'],
])

/** True if the task still waits. The children of a task that has not ended may be open. */
const isOpen = (kind: number, status: string): boolean =>
  childrenKinds.includes(kind) ? !isFinalStatus(status) : isOpenEdge(kind, status)

/** Returns the own dependencies of these tasks, also on tasks outside the tree. */
export async function dependenciesOf({ db, t }: Reader, taskIds: readonly string[]) {
  const { taskDependencies, tasks } = t
  if (taskIds.length === 0) return { dependencies: [], truncated: false }
  const rows = await db
    .select({
      taskId: taskDependencies.taskId,
      dependsOnId: taskDependencies.dependsOnId,
      kind: taskDependencies.kind,
      status: tasks.status,
    })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.dependsOnId))
    .where(and(inArray(taskDependencies.taskId, [...taskIds]), isOwnKindSql(taskDependencies.kind)))
    .orderBy(asc(taskDependencies.taskId), asc(taskDependencies.dependsOnId))
    .limit(dependencyLimit + 1)
  const dependencies: Dependencies = rows.slice(0, dependencyLimit).map(({ taskId, dependsOnId, kind, status }) => ({
    taskId,
    dependsOnId,
    kind: words.get(kind) ?? 'blocks',
    open: isOpen(kind, status),
  }))
  return { dependencies, truncated: rows.length > dependencyLimit }
}
