import { maxStarvationMs } from '@tony/mcp-shared/tasks'
import { standsInLine } from './claims.model.ts'
import type { State, Task } from './state.ts'
import { answer } from './tasks.held.model.ts'
import { about, failAttempt, failed, toQueue } from './tasks.model.ts'

const never = Number.POSITIVE_INFINITY

/** A `low` task is put in front in time to be claimed within the longest wait, others being before it still. */
const starvedMs = 0.8 * maxStarvationMs

/** Tasks that ask the same of who takes them stand in one line. */
const lineOf = ({ requires, assignedTo }: Task): string => `${assignedTo?.id} ${requires.toSorted()}`

/** Who is put in front now: of each line that has nobody there, the one that has starved longest. What cannot be claimed is in nobody's way. */
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
  /** Absent where only what may be had changes, and nothing stored. */
  readonly happens?: (state: State) => void
}

function expire(state: State, task: Task): void {
  const { lease } = task
  if (!lease) return
  task.failures += 1
  if (task.failures >= task.maxAttempts) return failed(state, task, undefined, undefined)
  toQueue(state, task, { keepToken: true })
  task.error = undefined
  const data = { attempt: lease.attempt, agentId: lease.agent.id, failures: task.failures }
  state.tell('task.expired', task, undefined, data, about(task))
}

function tooLong(state: State, task: Task): void {
  if (task.lease) failAttempt(state, task.lease, { error: undefined, as: 'task.timed_out' }, undefined)
}

/** The default answer, or the end for want of one. */
function unanswered(state: State, task: Task): void {
  const given = task.question?.default
  if (given === undefined) failed(state, task, undefined, undefined)
  else answer(state, undefined, task, { answer: given, byDefault: true })
}

/** Everything that time will do to a task as it stands. */
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
  const readyFrom = Math.max(task.readyAt, notBefore ?? 0)
  const waitEnds = scheduleToStartMs === undefined ? never : readyFrom + scheduleToStartMs
  return [
    over,
    { at: waitEnds, happens: (state) => failed(state, task, undefined, undefined) },
    { at: notBefore ?? never },
    { at: priority === 'low' ? readyFrom + starvedMs : never },
  ]
}

/** When something is due next, after the moment the model is at. */
export const nextDue = (state: State): number =>
  Math.min(
    starved(state).length > 0 ? state.now : never,
    ...state.tasks
      .flatMap(dueOf)
      .map(({ at }) => at)
      .filter((at) => at >= state.now),
  )

/** What is due by now, the earliest first. */
export function settle(state: State): void {
  for (const task of state.tasks) {
    const [first] = dueOf(task)
      .filter(({ at, happens }) => happens && at <= state.now)
      .toSorted((a, b) => a.at - b.at)
    first?.happens?.(state)
  }
  for (const task of starved(state)) task.aged = true
}
