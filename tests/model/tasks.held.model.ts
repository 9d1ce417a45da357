import { type Agent, type Caller, iso, type Lease, refuse, type State, type Task } from './state.ts'
import {
  about,
  block,
  failed,
  finish,
  isHeld,
  isHopeless,
  isOpen,
  mayWork,
  move,
  releaseLease,
  requireHeld,
  toQueue,
  unblock,
} from './tasks.model.ts'

export function extend(state: State, agent: Agent, lease: Lease, leaseMs: number | undefined): object {
  const task = requireHeld(state, agent, lease)
  lease.expiresAt = state.now + (leaseMs ?? lease.leaseMs)
  return { taskId: task.id, leaseExpiresAt: iso(lease.expiresAt) }
}

export function progress(
  state: State,
  agent: Agent,
  lease: Lease,
  said: { percent: number; message: string; details: unknown },
): object {
  const task = requireHeld(state, agent, lease)
  task.progress = said
  const { percent, message } = said
  state.tell('task.progressed', task, agent, { attempt: lease.attempt, percent, message }, about(task))
  return { taskId: task.id }
}

/** Extends the listed leases. Releases a lease that two successive heartbeats do not list. */
export function heartbeat(state: State, agent: Agent, listed: readonly Lease[]): object {
  const extended: object[] = []
  const lost: object[] = []
  for (const lease of listed) {
    const { task } = lease
    if (lease.agent === agent && isHeld(state, lease)) {
      lease.expiresAt = state.now + lease.leaseMs
      lease.unlisted = 0
      extended.push({ taskId: task.id, leaseExpiresAt: iso(lease.expiresAt) })
    } else lost.push({ taskId: task.id, reason: task.status === 'cancelled' ? 'cancelled' : 'stale' })
  }
  for (const lease of state.leases.filter(
    (one) => one.agent === agent && isHeld(state, one) && !listed.includes(one),
  )) {
    lease.unlisted += 1
    if (lease.unlisted >= 2) releaseLease(state, lease, 'unlisted', agent)
  }
  const paused = agent.paused || state.paused
  // A draining agent is reported as draining even if it is paused, because a pause may never end.
  const told = agent.draining ? 'draining' : paused ? 'paused' : 'running'
  return { extended, lost, state: told }
}

export interface Question {
  readonly question: string
  readonly deadlineMs: number | undefined
  /** Undefined means that there is no default. */
  readonly defaultAnswer?: unknown
}

export function requestInput(
  state: State,
  agent: Agent,
  lease: Lease,
  { question, deadlineMs, defaultAnswer }: Question,
): object {
  const task = requireHeld(state, agent, lease)
  move(task, 'requestInput')
  task.lease = undefined
  task.by = undefined
  state.locks.release(task)
  const deadlineAt = deadlineMs === undefined ? Number.POSITIVE_INFINITY : state.now + deadlineMs
  task.question = { question, by: agent, deadlineAt, default: defaultAnswer }
  const data = {
    attempt: lease.attempt,
    agentId: agent.id,
    question,
    deadlineAt: deadlineMs === undefined ? null : iso(deadlineAt),
  }
  state.tell('task.input_requested', task, agent, data, about(task))
  return { taskId: task.id, status: 'input_required' }
}

/** Applies the answer of a caller, or the default if there is none. */
export function answer(
  state: State,
  caller: Caller,
  task: Task,
  given: { answer: unknown; byDefault: boolean },
): object {
  if (task.status !== 'input_required' || !task.question) return refuse('ILLEGAL_TRANSITION')
  task.input = { question: task.question.question, answer: given.answer }
  task.question = undefined
  toQueue(state, task)
  const { attempt, status } = task
  state.tell('task.input_provided', task, caller, { attempt, default: given.byDefault, status }, about(task))
  return { taskId: task.id, status: task.status }
}

/** Accepts or rejects a task in review. The agent that did the work may not do so. */
export function verify(state: State, caller: Caller, task: Task, verdict: { accept: boolean; note: string }): object {
  if (caller?.role === 'developer' || caller?.role === 'observer') refuse('FORBIDDEN')
  if (task.status !== 'in_review') return refuse('ILLEGAL_TRANSITION')
  if (caller !== undefined && task.by === caller) refuse('FORBIDDEN')
  task.review = verdict
  const worker = task.by
  const data = { attempt: task.resultOf, agentId: worker?.id }
  if (verdict.accept) {
    move(task, 'accept')
    state.tell('task.completed', task, caller, data, about(task))
    unblock(state, task, caller)
  } else {
    toQueue(state, task)
    task.done = undefined
    state.tell('task.rejected', task, caller, { ...data, note: verdict.note, status: task.status }, about(task))
  }
  return { taskId: task.id, status: task.status }
}

/** Returns a failed task to the queue with all its attempts. */
export function retry(state: State, caller: Caller, task: Task): object {
  if (task.status !== 'failed') refuse('ILLEGAL_TRANSITION')
  task.failures = 0
  // A time limit that has passed would end the task again at once.
  if (task.closeBy <= state.now) task.closeBy = Number.POSITIVE_INFINITY
  toQueue(state, task)
  state.tell('task.reopened', task, caller, { attempt: task.attempt, status: task.status }, about(task))
  block(state, task, caller)
  return { taskId: task.id, status: task.status }
}

/** Ends a task with an orphan result, as a tech lead or the holder of the task. */
export function adopt(state: State, caller: Caller, task: Task, attempt: number): object {
  if (caller) mayWork(caller)
  const holder = task.status === 'in_progress' && task.lease ? task.lease.agent : undefined
  const leads = caller === undefined || caller.role === 'tech-lead'
  const kept = task.orphans.find((one) => one.attempt === attempt)
  if (!['pending', 'in_progress', 'input_required', 'failed'].includes(task.status)) refuse('ILLEGAL_TRANSITION')
  if (!kept) return refuse('NOT_FOUND')
  if (!leads && caller !== holder) refuse('FORBIDDEN')
  state.tell('task.adopted', task, caller, { attempt, agentId: kept.agent.id }, about(task))
  task.result = kept.result
  if (task.status === 'failed') {
    task.status = 'pending'
    block(state, task, caller)
  }
  finish(state, task, kept, caller)
  task.done = undefined
  return { taskId: task.id, status: task.status }
}

export interface Change {
  readonly title?: string
  readonly priority?: Task['priority']
  readonly assignedTo?: Agent | null
  readonly dependsOn?: readonly Task[]
}

const reaches = (from: Task, to: Task): boolean =>
  from === to || [...from.dependsOn, ...from.failureOf].some((next) => reaches(next, to))

export function update(state: State, caller: Caller, task: Task, change: Change): object {
  const { priority, assignedTo, dependsOn, title } = change
  if (dependsOn !== undefined && task.status !== 'blocked' && task.status !== 'pending') refuse('ILLEGAL_TRANSITION')
  if (dependsOn?.some((one) => reaches(one, task))) refuse('DEPENDENCY_CYCLE')
  if (priority !== undefined) {
    task.priority = priority
    task.aged = false
  }
  if (title !== undefined) task.title = title
  if (assignedTo !== undefined) task.assignedTo = assignedTo ?? undefined
  if (dependsOn !== undefined) {
    task.dependsOn = dependsOn
    task.failureOf = task.failureOf.filter((one) => !dependsOn.includes(one))
    const status = isOpen(task) ? 'blocked' : 'pending'
    if (status === 'pending' && task.status === 'blocked') task.readyAt = state.now
    task.status = status
  }
  state.tell('task.updated', task, caller, { status: task.status }, about(task))
  if (dependsOn !== undefined && task.status === 'blocked' && isHopeless(task)) {
    failed(state, task, caller, undefined)
  }
  return { taskId: task.id, status: task.status }
}

/** Keeps a waiting task from being claimed. */
export function hold(state: State, caller: Caller, task: Task, reason: string): object {
  if (task.status !== 'pending' && task.status !== 'blocked') refuse('ILLEGAL_TRANSITION')
  task.hold = reason
  state.tell('task.held', task, caller, { reason }, about(task))
  return { taskId: task.id, status: task.status }
}

/** Lifts the hold. A pending task has been ready since then. */
export function unhold(state: State, caller: Caller, task: Task): object {
  if (task.hold === undefined) refuse('ILLEGAL_TRANSITION')
  task.hold = undefined
  if (task.status === 'pending') task.readyAt = state.now
  state.tell('task.unheld', task, caller, {}, about(task))
  return { taskId: task.id, status: task.status }
}

/** Takes locks under a lease: all or none. */
export function lock(state: State, agent: Agent, lease: Lease, wanted: readonly string[]): object {
  const task = requireHeld(state, agent, lease)
  if (!state.locks.free(task, wanted)) refuse('LOCK_CONFLICT')
  const had = state.locks.held.get(task) ?? new Set()
  const taken = [...new Set(wanted)].filter((one) => !had.has(one))
  state.locks.take(task, wanted)
  if (taken.length > 0)
    state.tell('task.locked', task, agent, { attempt: lease.attempt, agentId: agent.id }, about(task))
  return { taskId: task.id }
}
