import type { TaskStatus } from '@tony/mcp-shared/task-statuses'
import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/task-transitions'
import { retryPolicy } from '@tony/mcp-shared/tasks'
import { type Agent, type Caller, iso, type Lease, refuse, type State, type Task } from './state.ts'

/** The properties of a task that a test creates. Times are in milliseconds from now. */
export interface Spec {
  readonly priority: Task['priority']
  readonly requires: readonly string[]
  readonly assignedTo: Agent | undefined
  readonly dependsOn: readonly Task[]
  readonly failureOf: readonly Task[]
  readonly hold: string | undefined
  readonly onDependencyFailure: 'block' | 'fail'
  readonly acceptance: 'complete' | 'verify'
  readonly maxAttempts: number
  readonly notBeforeMs: number | undefined
  readonly scheduleToStartMs: number | undefined
  readonly startToCloseMs: number | undefined
  readonly scheduleToCloseMs: number | undefined
  readonly locks: readonly string[]
  readonly epic: string | undefined
}

export const about = (task: Task) => ({ task, epic: task.epic })

/** Makes a transition. Fails the run if the contract does not list it. */
export function move(task: Task, by: TaskTransition): void {
  const { from, to }: { from: readonly TaskStatus[]; to: TaskStatus } = taskTransitions[by]
  if (!from.includes(task.status)) throw new Error(`the model moves ${task.status} by ${by}`)
  task.status = to
}

export const isOpen = ({ dependsOn, failureOf }: Pick<Task, 'dependsOn' | 'failureOf'>): boolean =>
  dependsOn.some(({ status }) => status !== 'completed') || failureOf.some(({ status }) => status !== 'failed')

/** True if a dependency has ended without a completion and the task must end with it. */
export const isHopeless = ({ onDependencyFailure, dependsOn }: Task): boolean =>
  onDependencyFailure === 'fail' && dependsOn.some(({ status }) => status === 'failed' || status === 'cancelled')

export function create(state: State, caller: Caller, spec: Spec): Task {
  const { notBeforeMs, startToCloseMs = 7_200_000, scheduleToCloseMs, ...rest } = spec
  const task: Task = {
    ...rest,
    id: '',
    order: state.tasks.length,
    type: 'code',
    title: `task ${state.tasks.length}`,
    startToCloseMs,
    scheduleToCloseMs,
    closeBy: scheduleToCloseMs === undefined ? Number.POSITIVE_INFINITY : state.now + scheduleToCloseMs,
    status: 'pending',
    attempt: 0,
    failures: 0,
    notBefore: notBeforeMs === undefined ? undefined : state.now + notBeforeMs,
    readyAt: state.now,
    aged: false,
    lease: undefined,
    done: undefined,
    resultOf: 0,
    by: undefined,
    result: null,
    error: undefined,
    progress: null,
    question: undefined,
    input: undefined,
    review: undefined,
    orphans: [],
    revision: 1,
  }
  if (isOpen(task)) task.status = isHopeless(task) ? 'failed' : 'blocked'
  if (task.status === 'failed') task.hold = undefined
  state.tasks.push(task)
  state.tell(
    'task.created',
    task,
    caller,
    { status: task.status, type: task.type, title: task.title, externalId: null },
    about(task),
  )
  return task
}

/** Throws for an observer, who may not work. */
export function mayWork({ role }: Agent): void {
  if (role === 'observer') refuse('FORBIDDEN')
}

/**
 * True if a lease is the current one of its task. With `soft`, it may have expired if no sweep has
 * run since.
 */
export const isHeld = (state: State, lease: Lease, soft = false): boolean =>
  lease.task.lease === lease && lease.task.status === 'in_progress' && (soft || state.now < lease.expiresAt)

export function requireHeld(state: State, agent: Agent, lease: Lease, soft = false): Task {
  mayWork(agent)
  if (lease.agent !== agent || !isHeld(state, lease, soft)) refuse('STALE_LEASE')
  return lease.task
}

/**
 * Ends the lease of a task and returns the task to the queue, or blocks it on its open
 * dependencies.
 */
export function toQueue(
  state: State,
  task: Task,
  { keepToken = false, waitMs = undefined as number | undefined } = {},
): void {
  if (!keepToken) task.lease = undefined
  task.by = undefined
  task.status = isOpen(task) ? 'blocked' : 'pending'
  task.notBefore = waitMs === undefined ? undefined : state.now + waitMs
  task.readyAt = state.now
  task.aged = false
  state.locks.release(task)
}

export function end(state: State, task: Task, status: 'completed' | 'failed' | 'cancelled' | 'in_review'): void {
  task.status = status
  task.lease = undefined
  task.notBefore = undefined
  task.question = undefined
  task.hold = undefined
  state.locks.release(task)
}

/** Makes the dependents ready that waited only for this end of the task. */
export function unblock(state: State, task: Task, actor: Caller): void {
  for (const dependent of state.tasks.filter(
    ({ status, dependsOn, failureOf }) =>
      status === 'blocked' && (task.status === 'failed' ? failureOf : dependsOn).includes(task),
  )) {
    if (isOpen(dependent)) continue
    move(dependent, 'unblock')
    dependent.readyAt = state.now
    state.tell('task.unblocked', dependent, actor, { by: task.id }, about(dependent))
  }
}

/** Blocks the tasks that the failure of this one had made ready: it has not failed any more. */
export function block(state: State, task: Task, actor: Caller): void {
  for (const dependent of state.tasks.filter(({ failureOf }) => failureOf.includes(task))) {
    if (dependent.status !== 'pending') continue
    move(dependent, 'defer')
    state.tell('task.blocked', dependent, actor, { by: task.id }, about(dependent))
  }
}

/** Fails the tasks that must fail with their dependencies, and then their own dependents. */
export function cascade(state: State, causes: readonly Task[], actor: Caller): void {
  const below: Task[] = []
  for (const cause of causes) {
    for (const dependent of state.tasks.filter(({ dependsOn }) => dependsOn.includes(cause))) {
      if (dependent.onDependencyFailure !== 'fail' || dependent.status !== 'blocked') continue
      end(state, dependent, 'failed')
      dependent.error = undefined
      const { attempt, failures } = dependent
      state.tell('task.failed', dependent, actor, { attempt, failures }, about(dependent))
      below.push(dependent)
    }
    if (cause.status === 'failed') unblock(state, cause, actor)
  }
  if (below.length > 0) cascade(state, below, actor)
}

export function failed(state: State, task: Task, actor: Caller, error: string | undefined): void {
  const holder = task.lease
  end(state, task, 'failed')
  task.error = error
  const data = {
    attempt: task.attempt,
    agentId: holder?.agent.id,
    failures: task.failures,
    ...(error === undefined ? {} : { error }),
  }
  state.tell('task.failed', task, actor, data, about(task))
  cascade(state, [task], actor)
}

export function finish(state: State, task: Task, lease: Pick<Lease, 'attempt' | 'agent'>, actor: Caller): void {
  const verify = task.acceptance === 'verify'
  end(state, task, verify ? 'in_review' : 'completed')
  task.by = lease.agent
  task.resultOf = lease.attempt
  const data = { attempt: lease.attempt, agentId: lease.agent.id }
  state.tell(verify ? 'task.submitted' : 'task.completed', task, actor, data, about(task))
  if (!verify) unblock(state, task, actor)
}

/** Keeps a result that does not count. The task does not change. */
function keepResult(state: State, { task, attempt, agent }: Lease, result: unknown): void {
  if (!task.orphans.some((kept) => kept.attempt === attempt) && task.orphans.length < 10) {
    task.orphans = [...task.orphans, { attempt, agent, result }].toSorted((a, b) => a.attempt - b.attempt)
    state.tell('task.orphaned', task, agent, { attempt, agentId: agent.id }, about(task))
  }
}

export function complete(state: State, agent: Agent, lease: Lease, result: unknown): object {
  const { task } = lease
  mayWork(agent)
  if (lease.agent !== agent) refuse('STALE_LEASE')
  if (task.done === lease) {
    const isOther = result !== undefined && JSON.stringify(result) !== JSON.stringify(task.result)
    if (isOther) keepResult(state, lease, result)
    return { taskId: task.id, status: task.status }
  }
  if (task.lease !== lease || !(task.status === 'in_progress' || task.status === 'pending')) {
    keepResult(state, lease, result)
    refuse('STALE_LEASE')
  }
  finish(state, task, lease, agent)
  task.done = lease
  task.result = result
  return { taskId: task.id, status: task.status }
}

export const backoffMs = (state: State, failures: number): number => {
  const { initialIntervalMs, backoffCoefficient, maximumIntervalMs } = retryPolicy
  return Math.floor(
    state.chance * Math.min(maximumIntervalMs, initialIntervalMs * backoffCoefficient ** (failures - 1)),
  )
}

/** Ends an attempt with a failure: the task returns after a backoff, or fails. */
export function failAttempt(
  state: State,
  lease: Lease,
  {
    error,
    as,
    retryable = true,
    waitMs,
  }: {
    error: string | undefined
    as: 'task.retried' | 'task.timed_out'
    retryable?: boolean
    waitMs?: number | undefined
  },
  actor: Caller,
): object {
  const { task } = lease
  task.failures += 1
  if (!retryable || task.failures >= task.maxAttempts) {
    failed(state, task, actor, error)
    return { taskId: task.id, status: 'failed', retryAt: null }
  }
  const wait = waitMs ?? backoffMs(state, task.failures)
  toQueue(state, task, { waitMs: wait })
  task.error = error
  const retryAt = iso(state.now + wait)
  const data = { attempt: lease.attempt, agentId: lease.agent.id, failures: task.failures, status: task.status }
  const more = as === 'task.retried' ? { retryAt, error } : {}
  state.tell(as, task, actor, { ...data, ...more }, about(task))
  return { taskId: task.id, status: task.status, retryAt }
}

export function fail(
  state: State,
  agent: Agent,
  lease: Lease,
  how: { error: string; retryable: boolean; waitMs: number | undefined },
): object {
  requireHeld(state, agent, lease, true)
  return failAttempt(state, lease, { ...how, as: 'task.retried' }, agent)
}

export function releaseLease(state: State, lease: Lease, reason: string, actor: Caller): void {
  const { task, attempt, agent } = lease
  toQueue(state, task)
  state.tell('task.released', task, actor, { attempt, agentId: agent.id, reason, status: task.status }, about(task))
}

export function release(state: State, agent: Agent, lease: Lease): object {
  const task = requireHeld(state, agent, lease, true)
  releaseLease(state, lease, 'released', agent)
  return { taskId: task.id, status: task.status }
}

/** Cancels all of these tasks, and then the tasks that end with them. */
export function cancelAll(state: State, caller: Caller, tasks: readonly Task[], reason: string | undefined): void {
  for (const task of tasks) {
    end(state, task, 'cancelled')
    task.error = reason
    task.done = undefined
    state.tell('task.cancelled', task, caller, { attempt: task.attempt, reason }, about(task))
  }
  cascade(state, tasks, caller)
}

export function cancel(state: State, caller: Caller, task: Task, reason: string): object {
  if (['completed', 'failed', 'cancelled'].includes(task.status)) refuse('ILLEGAL_TRANSITION')
  cancelAll(state, caller, [task], reason)
  return { taskId: task.id, status: 'cancelled' }
}
