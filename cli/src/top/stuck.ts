import type { AgentInfo, Client, Task } from '@tony/mcp-client'
import { stuckReasonsOf } from '@tony/mcp-shared/stuck'

/** A task that does not go on by itself, with the reason. */
export interface StuckTask {
  readonly id: string
  readonly title: string | null
  readonly status: Task['status']
  readonly why: string
}

/** Number of tasks of one status that are examined: the oldest ones. */
const maxPerStatus = 20

const waitingStatuses = ['input_required', 'in_review', 'pending', 'blocked'] as const

/** Running tasks whose agent is offline. They return to the queue when the lease ends. */
function abandonedTasks(running: readonly Task[], agents: readonly AgentInfo[]): StuckTask[] {
  const offline = new Map(agents.filter(({ status }) => status === 'offline').map(({ id, name }) => [id, name]))
  return running.flatMap(({ id, title, type, status, claimedBy }): StuckTask[] => {
    const name = offline.get(claimedBy ?? '')
    if (name === undefined) return []
    return [{ id, title: title ?? type, status, why: `${name} is offline; the task returns when its lease ends` }]
  })
}

/** Reads the oldest waiting tasks and returns the stuck ones. */
export async function loadStuckTasks(
  client: Client,
  running: readonly Task[],
  agents: readonly AgentInfo[],
): Promise<StuckTask[]> {
  const pages = await Promise.all(waitingStatuses.map((status) => client.tasks.list({ status, limit: maxPerStatus })))
  const waiting = pages.flatMap(({ tasks }) => tasks)
  const explanations = await Promise.all(waiting.map(({ id }) => client.tasks.explain({ taskId: id })))
  const stuck = waiting.flatMap(({ id, title, type, status }, index): StuckTask[] => {
    const explanation = explanations[index]
    const why = explanation === undefined ? [] : stuckReasonsOf(explanation)
    return why.length === 0 ? [] : [{ id, title: title ?? type, status, why: why.join('; ') }]
  })
  return [...stuck, ...abandonedTasks(running, agents)]
}
