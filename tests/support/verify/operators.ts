import type { Checker } from './checker.ts'
import type { EventRow, TaskRow } from './database.ts'
import { eventsOfType, isEnding } from './lookups.ts'
import { type Rule, type Violation, violation } from './violation.ts'

/** The events after which a task waits for an operator, with the events that end the wait. */
const waits: Readonly<Record<string, readonly string[]>> = {
  'task.input_requested': ['task.input_provided', 'task.failed', 'task.cancelled', 'task.adopted'],
  'task.submitted': ['task.rejected', 'task.completed', 'task.cancelled'],
}

/** Returns the claims of tasks that waited for an answer or a verdict. */
function claimedWaiting(events: readonly EventRow[]): EventRow[] {
  const early: EventRow[] = []
  let waitsFor: readonly string[] | undefined
  for (const event of events) {
    if (event.type === 'task.claimed' && waitsFor) early.push(event)
    if (waitsFor?.includes(event.type)) waitsFor = undefined
    waitsFor = waits[event.type] ?? waitsFor
  }
  return early
}

/** Returns the rules that a completion without a verification breaks, for tasks that need one. */
function unverified(events: readonly EventRow[]): [Rule, EventRow][] {
  const completed = events.filter(({ type }) => type === 'task.completed')
  return completed.flatMap((event): [Rule, EventRow][] => {
    const submitted = events.some(({ type, seq }) => type === 'task.submitted' && seq < event.seq)
    if (!submitted) return [['completed-unverified', event]]
    return event.actor !== null && event.actor === event.agentId ? [['verified-by-its-worker', event]] : []
  })
}

/** The events that leave the status of an ended task as it is. */
const passive: ReadonlySet<string> = new Set(['task.updated', 'task.orphaned'])

/**
 * Returns the reopened tasks that had not ended. A retry needs a failure. The source of a plan also
 * opens a task again that was completed or called off there, or had ended before its import.
 */
const unfailed = (events: readonly EventRow[]): EventRow[] =>
  events.filter((event, index) => {
    if (event.type !== 'task.reopened') return false
    const before = events.slice(0, index).findLast(({ type }) => !passive.has(type))
    if (event.imported !== 1) return before?.type !== 'task.failed'
    return before !== undefined && before.type !== 'task.created' && !isEnding(before)
  })

const brokenBy = (row: TaskRow, events: readonly EventRow[]): [Rule, EventRow][] => [
  ...claimedWaiting(events).map((event): [Rule, EventRow] => ['claimed-without-answer', event]),
  ...(row.verify === 1 ? unverified(events) : []),
  ...unfailed(events).map((event): [Rule, EventRow] => ['reopened-unfailed', event]),
]

const eventsOf: Readonly<Record<string, readonly string[]>> = {
  verify: ['task.completed', 'task.rejected'],
  provideInput: ['task.input_provided'],
  cancel: ['task.cancelled'],
  retry: ['task.reopened'],
  adopt: ['task.adopted'],
  redrive: ['message.redriven'],
}

/** Compares the changes of operators with the transitions of the tasks. */
export const operators: Checker = ({ operations }, stored) => {
  const tasks = [...stored.tasks.values()].flatMap((row): Violation[] =>
    brokenBy(row, stored.eventsOf.get(row.id) ?? []).map(([rule, event]) =>
      violation(rule, `task ${row.id}`, { row, event }),
    ),
  )
  const untold = operations.flatMap(({ client, f, subjects }) =>
    subjects
      .filter((id) => eventsOfType(stored, id, ...(eventsOf[f] ?? [])).length === 0)
      .map((id) => violation('operator-event', `${f} ${id}`, { client })),
  )
  return [...tasks, ...untold]
}
