import type { Client, Task } from '@tony/mcp-client'
import { stuckReasonsOf } from '@tony/mcp-shared/stuck'

export interface StuckTask {
  readonly task: Task
  readonly why: readonly string[]
}

/** Number of tasks of one status that are examined: the oldest ones. */
const limit = 20

/** Reads the oldest waiting tasks and returns the stuck ones. */
export async function loadStuckTasks(client: Client): Promise<StuckTask[]> {
  const pages = await Promise.all(
    (['pending', 'blocked'] as const).map((status) => client.tasks.list({ status, limit })),
  )
  const waiting = pages.flatMap(({ tasks }) => tasks)
  const explanations = await Promise.all(waiting.map(({ id }) => client.tasks.explain({ taskId: id })))
  return waiting.flatMap((task, index) => {
    const explanation = explanations[index]
    const why = explanation ? stuckReasonsOf(explanation) : []
    return why.length === 0 ? [] : [{ task, why }]
  })
}
