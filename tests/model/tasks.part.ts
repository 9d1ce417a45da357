import { differs } from './differs.ts'
import type { Part, Play } from './play.ts'
import { iso, type State, type Task } from './state.ts'
import { nextDue, settle } from './tasks.time.model.ts'
import type { World } from './world.ts'

interface Row {
  readonly id: string
  readonly status: string
  readonly attempt: number
  readonly failures: number
  readonly agent: string | null
  readonly revision: number
}

const query = `select id, status, attempt, failures, agent_id as agent, revision, not_before as "notBefore" from tasks where project_id = ? order by ord`

const held = (task: Task): boolean => ['in_progress', 'in_review', 'completed'].includes(task.status)

const rowOf = (task: Task, now: number) => ({
  notBefore:
    task.status === 'pending' && task.notBefore !== undefined && task.notBefore > now ? task.notBefore : undefined,
  id: task.id,
  status: task.status,
  attempt: task.attempt,
  failures: task.failures,
  agent: held(task) && task.by ? task.by.id : undefined,
})

async function compare(state: State, world: World): Promise<void> {
  const rows = await world.rows<Row>(query)
  const difference = differs(
    state.tasks.map((task) => rowOf(task, state.now)),
    rows,
    'tasks',
  )
  if (difference !== undefined) throw new Error(`${difference}; rows ${JSON.stringify(rows)}`)
  for (const [index, task] of state.tasks.entries()) {
    const revision = rows[index]?.revision ?? 0
    if (revision < task.revision) throw new Error(`revision ${revision} after ${task.revision}`)
    task.revision = revision
  }
  const locks = await world.rows<{ lock: string; task: string }>(
    'select lock, task_id as task from locks where project_id = ? order by lock, task_id',
  )
  const wanted = state.tasks
    .flatMap((task) => [...(state.locks.held.get(task) ?? [])].map((lock) => ({ lock, task: task.id })))
    .toSorted((a, b) => (a.lock === b.lock ? (a.task < b.task ? -1 : 1) : a.lock < b.lock ? -1 : 1))
  const wrong = differs(wanted, locks, 'locks')
  if (wrong !== undefined) throw new Error(wrong)
}

export const taskPart: Part = { nextDue, settle, compare }

/**
 * Returns the last holder of a task that ended without a completion, and null for a task that
 * waits.
 */
function claimedByOf(task: Task): string | null | undefined {
  if (task.status === 'failed' || task.status === 'cancelled') return undefined
  return held(task) ? (task.by?.id ?? null) : null
}

/** Returns the fields of a task that a reader gets, from the model. */
const viewOf = (task: Task) => ({
  id: task.id,
  title: task.title,
  status: task.status,
  priority: task.priority,
  attempt: task.attempt,
  failures: task.failures,
  maxAttempts: task.maxAttempts,
  requires: task.requires.toSorted(),
  assignedTo: task.assignedTo?.id ?? null,
  dependsOn: task.dependsOn.map(({ id }) => id).toSorted(),
  hold: task.hold === undefined ? null : { reason: task.hold },
  onDependencyFailure: task.onDependencyFailure,
  acceptance: task.acceptance,
  result: task.result,
  progress: task.progress,
  input: task.input ?? null,
  review: task.review ?? null,
  error: task.error,
  inputRequest: task.question ? { question: task.question.question, by: task.question.by.id } : null,
  orphanResults: task.orphans.map(({ attempt, agent, result }) => ({ attempt, agentId: agent.id, result })),
  leaseExpiresAt: task.status === 'in_progress' && task.lease ? iso(task.lease.expiresAt) : null,
  claimedBy: claimedByOf(task),
})

/** Compares every task of the server with the model at the end of a run. */
export async function compareTasks(play: Play): Promise<void> {
  const { tasks } = play.state
  await play.call(undefined, 'tasks.list', {}, () => ({ tasks: tasks.map(viewOf), nextCursor: null }))
}
