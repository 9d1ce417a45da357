import { type Agent, iso, type Lease, type State, type Task } from './state.ts'
import { about, mayWork, move } from './tasks.model.ts'

/** True if the task is in the queue for some agent. */
const isQueued = (state: State, task: Task): boolean =>
  task.status === 'pending' && task.hold === undefined && (task.notBefore === undefined || task.notBefore < state.now)

/** True if only the tasks before it keep an agent from claiming it. */
export const standsInLine = (state: State, task: Task): boolean =>
  isQueued(state, task) &&
  (task.epic === undefined || !state.pausedEpics.has(task.epic)) &&
  state.locks.free(task, task.locks)

const mayTake = (agent: Agent, task: Task): boolean =>
  task.requires.every((capability) => agent.capabilities.includes(capability)) &&
  (task.assignedTo === undefined || task.assignedTo === agent)

const ranks = { critical: 0, high: 2, normal: 3, low: 4 }

const rankOf = (task: Task): number => (task.aged ? 1 : ranks[task.priority])

/** Returns the task that the next claim of the agent gets. */
export function firstFor(state: State, agent: Agent): Task | undefined {
  if (state.paused || agent.paused || agent.draining) return undefined
  return state.tasks
    .filter((task) => standsInLine(state, task) && mayTake(agent, task))
    .toSorted((a, b) => rankOf(a) - rankOf(b) || a.order - b.order)[0]
}

function take(state: State, agent: Agent, task: Task, leaseMs: number): Lease {
  move(task, 'claim')
  task.attempt += 1
  task.notBefore = undefined
  task.by = agent
  const lease: Lease = {
    task,
    agent,
    attempt: task.attempt,
    leaseMs,
    startedAt: state.now,
    expiresAt: state.now + leaseMs,
    token: '',
    unlisted: 0,
  }
  task.lease = lease
  state.leases.push(lease)
  state.locks.take(task, task.locks)
  const data = { attempt: task.attempt, agentId: agent.id, leaseExpiresAt: iso(lease.expiresAt) }
  state.tell('task.claimed', task, agent, data, about(task))
  return lease
}

export function claim(state: State, agent: Agent, { limit, leaseMs }: { limit: number; leaseMs: number }): Lease[] {
  mayWork(agent)
  const leases: Lease[] = []
  while (leases.length < limit) {
    const task = firstFor(state, agent)
    if (!task) break
    leases.push(take(state, agent, task, leaseMs))
  }
  return leases
}
