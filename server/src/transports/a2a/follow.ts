import type { A2aCalls } from './calls.ts'
import { throwAsTaskError } from './errors.ts'
import { artifactEventsOf, hasEnded, isAtRest, type StoredTask, stateOf, statusEventOf, toA2aTask } from './task.ts'

/** The longest wait of `SendMessage`: many clients give a silent request up after 30 s. */
const longestWaitMs = 20_000

type TaskCondition = (stored: StoredTask) => boolean

interface FollowParams {
  readonly taskId: string
  readonly isOver: TaskCondition
  readonly signal: AbortSignal
}

/** Yields a task as it is, and then after each of its changes, until `isOver` holds. */
async function* followStates(calls: A2aCalls, { taskId, isOver, signal }: FollowParams): AsyncGenerator<StoredTask> {
  let revision = -1
  // The first item of a subscription comes before any event, so no change is lost in between.
  for await (const _ of calls.subscribeToTask(taskId, signal)) {
    const stored = await calls.call('tasks.get', { taskId }).catch(throwAsTaskError)
    if (stored.revision === revision) continue
    revision = stored.revision
    yield stored
    if (isOver(stored)) return
  }
}

/**
 * Waits until a task is at rest and returns it. Nothing changes a task while its only agent is
 * offline, and the time is limited: the caller then gets the task as it is.
 */
export async function waitForTask(calls: A2aCalls, started: StoredTask): Promise<StoredTask> {
  if (isAtRest(started)) return started
  const { assignedTo } = started
  if (assignedTo !== null && (await calls.call('agents.get', { agent: assignedTo })).status === 'offline')
    return started
  const ended = new AbortController()
  const cancel = calls.connection.services.clock.timer(longestWaitMs, () => ended.abort())
  const following = { taskId: started.id, isOver: isAtRest, signal: ended.signal }
  try {
    let last = started
    for await (const stored of followStates(calls, following)) last = stored
    return last
  } finally {
    cancel()
    ended.abort()
  }
}

/**
 * Yields the events of a stream: the task, each change of its state, and its artifacts, until
 * `isOver` holds.
 */
export async function* followTask(calls: A2aCalls, taskId: string, isOver: TaskCondition): AsyncGenerator<unknown> {
  const ended = new AbortController()
  let state: string | undefined
  try {
    for await (const stored of followStates(calls, { taskId, isOver, signal: ended.signal })) {
      if (state === undefined) yield { task: toA2aTask(stored) }
      else {
        // The artifacts go first, because a client leaves the stream after a final state.
        if (hasEnded(stored)) yield* artifactEventsOf(stored)
        if (state !== stateOf(stored) || stored.status === 'in_progress') yield statusEventOf(stored)
      }
      state = stateOf(stored)
    }
  } finally {
    ended.abort()
  }
}
