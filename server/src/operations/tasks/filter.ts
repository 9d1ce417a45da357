import type { taskFilter } from '@tony/mcp-shared/task-changes'
import { type TaskStatus, taskStatuses } from '@tony/mcp-shared/task-statuses'
import type { TaskTransition } from '@tony/mcp-shared/task-transitions'
import { and, eq, inArray, notInArray, type SQL } from 'drizzle-orm'
import type { z } from 'zod'
import type { Reader } from '../../store/store.ts'
import { fromStatuses } from './transitions.ts'

type Filter = z.output<typeof taskFilter>

interface TaskQuery {
  readonly project: string
  readonly filter: Filter
  readonly limit: number
}

/** True if an index starts with a field of the filter. The other fields are tested on its rows. */
const isSelective = ({ taskIds, parentId, epic, story }: Filter): boolean =>
  [taskIds, parentId, epic, story].some((part) => part !== undefined)

async function selectIds(reader: Reader, { project, filter, limit }: TaskQuery, ofStatus: SQL): Promise<string[]> {
  const { tasks } = reader.t
  const where: SQL[] = [eq(tasks.projectId, project), ofStatus]
  if (filter.taskIds) where.push(inArray(tasks.id, filter.taskIds))
  if (filter.type) where.push(eq(tasks.type, filter.type))
  if (filter.epic) where.push(eq(tasks.epic, filter.epic))
  if (filter.story) where.push(eq(tasks.story, filter.story))
  if (filter.parentId) where.push(eq(tasks.parentId, filter.parentId))
  if (filter.assignedTo) where.push(eq(tasks.assignedTo, filter.assignedTo))
  const found = reader.db
    .select({ id: tasks.id, ord: tasks.ord })
    .from(tasks)
    .where(and(...where))
  // Named tasks are few and are sorted here: with an order, the database would scan the whole
  // project.
  const rows = filter.taskIds
    ? (await found).sort((a, b) => a.ord - b.ord).slice(0, limit)
    : await found.orderBy(tasks.ord).limit(limit)
  return rows.map(({ id }) => id)
}

/**
 * Returns the ids of up to `limit` tasks that match a filter and allow a transition. A filter
 * without a selective field reads the index of the status, one status after the other, so that
 * ended tasks are not scanned. A filter with a selective field excludes the other statuses by
 * `not in` instead: with an equality on the status, SQLite would choose the index of the status and
 * not that of the selective field.
 */
export async function findTaskIds(reader: Reader, transition: TaskTransition, query: TaskQuery): Promise<string[]> {
  const { filter, limit } = query
  const { tasks } = reader.t
  const statuses: TaskStatus[] = fromStatuses(transition).filter(
    (status) => filter.status === undefined || status === filter.status,
  )
  if (statuses.length === 0) return []
  if (isSelective(filter)) {
    const otherStatuses = taskStatuses.filter((status) => !statuses.includes(status))
    return selectIds(reader, query, notInArray(tasks.status, otherStatuses))
  }
  const ids: string[] = []
  for (const status of statuses) {
    if (ids.length >= limit) break
    ids.push(...(await selectIds(reader, { ...query, limit: limit - ids.length }, eq(tasks.status, status))))
  }
  return ids
}
