import { defaultMaxStarvationMs } from '@tony/mcp-shared/tasks'
import { standsInLine } from './claims.model.ts'
import type { State, Task } from './state.ts'
import { answer } from './tasks.held.model.ts'
import { about, failAttempt, failed, toQueue } from './tasks.model.ts'

const never = Number.POSITIVE_INFINITY

/**
 * The wait after which a `low` task ages. It leaves time for a claim within the longest wait,
 * because aged tasks before it go first.
 */
const starvedMs = 0.8 * defaultMaxStarvationMs

/** Returns the claim group of a task: tasks with the same requirements share it. */
const lineOf = ({ requires, assignedTo }: Task): string => `${assignedTo?.id} ${requires.toSorted()}`

/**
 * Returns the tasks that age now: in each claim group without an aged task, the `low` task
 * that has starved longest. Tasks that cannot be claimed do not count.
 */
function starved(state: State): Task[] {
  const low = state.tasks.filter((task) => task.priority === 'low' && standsInLine(state, task))
  return [...Map.groupBy(low, lineOf).values()].flatMap((line) => {
    if (line.some(({ aged }) => aged)) return []
    const since = (task: Task) => Math.max(task.readyAt, task.notBefore ?? 0)
    const waiting = line.filter((task) => state.now - since(task) >= starvedMs)
    return waiting.toSorted((a, b) => since(a) - since(b)).slice(0, 1)
  })
}

interface Due {
  readonly at: number
  /** Absent if the time makes a task claimable and changes no row. */
  readonly happens?: (state: State) => void
}

function expire(state: State, task: Task): void {
  const { lease } = task
  if (!lease) return
  task.failures += 1
  if (task.failures >= task.maxAttempts) return failed(state, task, undefined, undefined)
  toQueue(state, task, { keepToken: true })
  task.error = undefined
  const data = { attempt: lease.attempt, agentId: lease.agent.id, failures: task.failures, status: task.status }
  state.tell('task.expired', task, undefined, data, about(task))
}

function tooLong(state: State, task: Task): void {
  if (task.lease) failAttempt(state, task.lease, { error: undefined, as: 'task.timed_out' }, undefined)
}

/** Applies the default answer, or fails the task if there is none. */
function unanswered(state: State, task: Task): void {
  const given = task.question?.default
  if (given === undefined) failed(state, task, undefined, undefined)
  else answer(state, undefined, task, { answer: given, byDefault: true })
}

/** Returns everything that time will do to a task in its present state. */
function dueOf(task: Task): Due[] {
  const { status, lease, question, notBefore, closeBy, scheduleToStartMs, priority } = task
  const over: Due = { at: closeBy, happens: (state) => failed(state, task, undefined, undefined) }
  if (status === 'blocked') return [over]
  if (status === 'input_required')
    return [over, { at: question?.deadlineAt ?? never, happens: (state) => unanswered(state, task) }]
  if (status === 'in_progress' && lease)
    return [
      over,
      { at: lease.expiresAt, happens: (state) => expire(state, task) },
      { at: lease.startedAt + task.startToCloseMs, happens: (state) => tooLong(state, task) },
    ]
  if (status !== 'pending') return []
  // While it is held, no agent can claim it in time.
  if (task.hold !== undefined) return [over]
  const readyFrom = Math.max(task.readyAt, notBefore ?? 0)
  const waitEnds = scheduleToStartMs === undefined ? never : readyFrom + scheduleToStartMs
  return [
    over,
    { at: waitEnds, happens: (state) => failed(state, task, undefined, undefined) },
    { at: notBefore ?? never },
    { at: priority === 'low' ? readyFrom + starvedMs : never },
  ]
}

/** Returns the next time at which something is due, after the model's own time. */
export const nextDue = (state: State): number =>
  Math.min(
    starved(state).length > 0 ? state.now : never,
    ...state.tasks
      .flatMap(dueOf)
      .map(({ at }) => at)
      .filter((at) => at >= state.now),
  )

/** Applies everything that is due, the earliest first. */
export function settle(state: State): void {
  for (const task of state.tasks) {
    const [first] = dueOf(task)
      .filter(({ at, happens }) => happens && at <= state.now)
      .toSorted((a, b) => a.at - b.at)
    first?.happens?.(state)
  }
  for (const task of starved(state)) task.aged = true
}
