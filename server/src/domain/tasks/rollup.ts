import { type TaskStatus, taskStatuses } from '@tony/mcp-shared/task-statuses'
import type { rollup } from '@tony/mcp-shared/tasks'
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Reader } from '../../store/store.ts'

export type Rollup = z.output<typeof rollup>

/**
 * Builds a rollup from counts by status. The percentage ignores cancelled tasks, because no work is
 * left in them.
 */
function toRollup(counts: ReadonlyMap<string, number>): Rollup {
  const of = (status: TaskStatus) => counts.get(status) ?? 0
  const total = taskStatuses.reduce((sum, status) => sum + of(status), 0)
  const whole = total - of('cancelled')
  const share = whole === 0 ? 1 : of('completed') / whole
  return {
    total,
    byStatus: {
      blocked: of('blocked'),
      pending: of('pending'),
      in_progress: of('in_progress'),
      input_required: of('input_required'),
      in_review: of('in_review'),
      completed: of('completed'),
      failed: of('failed'),
      cancelled: of('cancelled'),
    },
    percentCompleted: Math.round(share * 1_000) / 10,
  }
}

/**
 * Returns the rollup of a project, of one of its epics or of one of its stories. It reads counters,
 * never tasks.
 */
export async function rollupOf(
  { db, t }: Reader,
  project: string,
  scope: { readonly epic?: string | undefined; readonly story?: string | undefined } = {},
): Promise<Rollup> {
  const { taskCounts } = t
  const where: SQL[] = [eq(taskCounts.projectId, project)]
  if (scope.epic !== undefined) where.push(eq(taskCounts.epic, scope.epic))
  if (scope.story !== undefined) where.push(eq(taskCounts.story, scope.story))
  const rows = await db
    .select({ status: taskCounts.status, tasks: sql<number>`sum(${taskCounts.tasks})` })
    .from(taskCounts)
    .where(and(...where))
    .groupBy(taskCounts.status)
  return toRollup(new Map(rows.map(({ status, tasks }) => [status, tasks])))
}

/** Returns the epics that have tasks, by name, each with its rollup. */
export async function epicRollups(
  { db, t }: Reader,
  project: string,
  limit: number,
): Promise<{ epic: string; tasks: Rollup }[]> {
  const { taskCounts } = t
  const rows = await db
    .select({ epic: taskCounts.epic, status: taskCounts.status, tasks: sql<number>`sum(${taskCounts.tasks})` })
    .from(taskCounts)
    .where(and(eq(taskCounts.projectId, project), sql`${taskCounts.epic} <> ''`, sql`${taskCounts.tasks} > 0`))
    .groupBy(taskCounts.epic, taskCounts.status)
    .orderBy(taskCounts.epic)
  const byEpic = Map.groupBy(rows, ({ epic }) => epic)
  return [...byEpic]
    .slice(0, limit)
    .map(([epic, counts]) => ({ epic, tasks: toRollup(new Map(counts.map(({ status, tasks }) => [status, tasks]))) }))
}
