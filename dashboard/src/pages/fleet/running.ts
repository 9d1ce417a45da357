import type { Client, FeedEvent, Task } from '@tony/mcp-client'
import { fieldsOf } from '../../data/patch-task.ts'

/** A task under a lease, with the fields that events tell, so that no event needs a read. */
export interface RunningTask {
  readonly id: string
  /** Null until the title is known. */
  readonly title: string | null
  readonly agentId: string
  readonly attempt: number
  /** Time of the claim; null if a time limit of the whole task hides it. */
  readonly since: string | null
  readonly leaseExpiresAt: string | null
  readonly percent: number | undefined
  readonly progress: string | undefined
  readonly progressAt: string | undefined
}

export type Running = ReadonlyMap<string, RunningTask>

/** Number of running tasks that the page has at most. */
const limit = 500

/**
 * Returns the time of the claim: the end of the attempt's time limit less its length. Null if
 * another time limit ends earlier.
 */
function claimTimeOf({ timeoutAt, startToCloseMs, scheduleToCloseMs, createdAt }: Task): string | null {
  if (timeoutAt === null) return null
  const end = Date.parse(timeoutAt)
  const isOther = scheduleToCloseMs !== null && Date.parse(createdAt) + scheduleToCloseMs <= end
  return isOther ? null : new Date(end - startToCloseMs).toISOString()
}

const toRunning = (task: Task): RunningTask => ({
  id: task.id,
  title: task.title ?? task.type,
  agentId: task.claimedBy ?? '',
  attempt: task.attempt,
  since: claimTimeOf(task),
  leaseExpiresAt: task.leaseExpiresAt,
  percent: task.progress?.percent,
  progress: task.progress?.message,
  progressAt: undefined,
})

export async function loadRunning(client: Client): Promise<Running> {
  const { tasks } = await client.tasks.list({ status: 'in_progress', limit })
  return new Map(tasks.map((task) => [task.id, toRunning(task)]))
}

/** Events after which a task is under no lease. */
const endings =
  /^task\.(blocked|submitted|completed|retried|released|expired|input_requested|timed_out|failed|cancelled|adopted)$/

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

function claimedTask(event: FeedEvent, id: string, title: string | null): RunningTask {
  const { agentId, attempt, leaseExpiresAt } = fieldsOf(event)
  return {
    id,
    title,
    agentId: textOf(agentId) ?? '',
    attempt: numberOf(attempt) ?? 1,
    since: event.at,
    leaseExpiresAt: textOf(leaseExpiresAt) ?? null,
    percent: undefined,
    progress: undefined,
    progressAt: undefined,
  }
}

/** Returns the running tasks after some events. `titles` has the titles that events have told. */
export function patchRunning(
  running: Running,
  events: readonly FeedEvent[],
  titles: ReadonlyMap<string, string>,
): Running {
  const patched = new Map(running)
  for (const event of events) {
    const { subject: id, type } = event
    if (id === null) continue
    const known = patched.get(id)
    if (type === 'task.claimed') patched.set(id, claimedTask(event, id, known?.title ?? titles.get(id) ?? null))
    else if (type === 'task.progressed' && known) {
      const { percent, message } = fieldsOf(event)
      const progress = { percent: numberOf(percent), progress: textOf(message), progressAt: event.at }
      patched.set(id, { ...known, ...progress })
    } else if (endings.test(type)) patched.delete(id)
  }
  return patched
}
