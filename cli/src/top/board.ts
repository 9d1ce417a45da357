import type { AgentInfo, Client, Task } from '@tony/mcp-client'
import { loadStuckTasks, type StuckTask } from './stuck.ts'

/** Number of agents, and of running tasks, that the board has at most. */
const maxRows = 200

/** An agent and the task that it works on. */
export interface AgentRow {
  readonly name: string
  readonly status: AgentInfo['status']
  readonly paused: boolean
  readonly lastActivityAt: string
  /** Null if it holds no task. An agent with several tasks has one row for each. */
  readonly task: {
    readonly id: string
    readonly title: string | null
    /** Time of the claim; null if a time limit of the whole task hides it. */
    readonly since: string | null
    readonly leaseExpiresAt: string | null
    readonly percent: number | null
    readonly progress: string | null
  } | null
}

/** What a fleet does now. */
export interface Board {
  readonly project: string
  readonly server: string
  readonly tasks: Readonly<Record<string, number>>
  readonly agents: readonly AgentRow[]
  /** True if there are more agents or running tasks than listed. */
  readonly truncated: boolean
  readonly stuck: readonly StuckTask[]
  readonly deadLetters: number
}

/**
 * Returns the time at which a task was claimed. It is computed from the time limit of the attempt,
 * which is the claim time plus `startToCloseMs`. Null if the task has no time limit, or if
 * `scheduleToCloseMs` ends earlier, because `timeoutAt` then has that limit.
 */
function claimTimeOf({ timeoutAt, startToCloseMs, scheduleToCloseMs, createdAt }: Task): string | null {
  if (timeoutAt === null) return null
  const end = Date.parse(timeoutAt)
  const isOther = scheduleToCloseMs !== null && Date.parse(createdAt) + scheduleToCloseMs <= end
  return isOther ? null : new Date(end - startToCloseMs).toISOString()
}

const toTaskField = (task: Task): AgentRow['task'] => ({
  id: task.id,
  title: task.title ?? task.type,
  since: claimTimeOf(task),
  leaseExpiresAt: task.leaseExpiresAt,
  percent: task.progress?.percent ?? null,
  progress: task.progress?.message ?? null,
})

function toRows(agents: readonly AgentInfo[], tasks: readonly Task[]): AgentRow[] {
  const tasksByAgent = Map.groupBy(tasks, ({ claimedBy }) => claimedBy)
  return agents.flatMap(({ id, name, status, paused, lastActivityAt }): AgentRow[] => {
    const agent = { name, status, paused, lastActivityAt }
    const held = tasksByAgent.get(id) ?? []
    if (held.length === 0) return [{ ...agent, task: null }]
    return held.map((task) => ({ ...agent, task: toTaskField(task) }))
  })
}

const ranks: Readonly<Record<AgentInfo['status'], number>> = { active: 0, draining: 1, idle: 2, offline: 3 }

/** Reads bounded pages of a project. */
export async function readBoard(client: Client): Promise<Board> {
  const [{ name: project }, { version }, metrics, agents, running] = await Promise.all([
    client.projects.get({}),
    client.system.info({}),
    client.system.metrics({}),
    client.agents.list({ limit: maxRows }),
    client.tasks.list({ status: 'in_progress', limit: maxRows }),
  ])
  const rows = toRows(agents.agents, running.tasks)
  return {
    project,
    server: version,
    tasks: metrics.tasks.byStatus,
    agents: rows.toSorted((a, b) => ranks[a.status] - ranks[b.status]),
    truncated: agents.nextCursor !== null || running.nextCursor !== null,
    stuck: await loadStuckTasks(client, running.tasks, agents.agents),
    deadLetters: metrics.messages.dead,
  }
}
