import type { Client, Task } from '@tony/mcp-client'
import { stuckReasonsOf } from '@tony/mcp-shared/stuck'

/** A stuck task, for all tasks that are stuck for the same reasons. */
export interface StuckTask {
  /** The oldest of them. */
  readonly task: Task
  readonly why: readonly string[]
  /** Number of the others. */
  readonly others: number
}

/** Number of waiting tasks of a status that are read, the oldest ones, and of groups among them. */
const limits = { tasks: 200, groups: 10 } as const

/** Tasks with the same key wait for the same things, so that one explanation serves all of them. */
function groupKeyOf({
  status,
  requires,
  assignedTo,
  locks,
  hold,
  epic,
  dependsOn,
  waitsFor,
  parentId,
  notBefore,
}: Task): string {
  const waits = status === 'blocked' ? [dependsOn, waitsFor, parentId] : []
  return JSON.stringify([status, requires, assignedTo, locks, hold?.reason, epic, notBefore, waits])
}

/** Reads the oldest waiting tasks and returns the stuck ones, one of each group. */
export async function loadStuckTasks(client: Client): Promise<StuckTask[]> {
  const pages = await Promise.all(
    (['pending', 'blocked'] as const).map((status) => client.tasks.list({ status, limit: limits.tasks })),
  )
  const groups = pages.flatMap(({ tasks }) => [...Map.groupBy(tasks, groupKeyOf).values()].slice(0, limits.groups))
  const found = await Promise.all(
    groups.map(async ([task, ...others]) => {
      if (!task) return []
      const why = stuckReasonsOf(await client.tasks.explain({ taskId: task.id }))
      return why.length === 0 ? [] : [{ task, why, others: others.length }]
    }),
  )
  return found.flat()
}
