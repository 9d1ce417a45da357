import type { Checker } from './checker.ts'
import type { EventRow } from './database.ts'
import { type Violation, violation } from './violation.ts'

const closingWords = [
  'submitted',
  'completed',
  'retried',
  'released',
  'expired',
  'timed_out',
  'input_requested',
  'failed',
  'cancelled',
]

/** The events that end a lease. */
export const closing: ReadonlySet<string> = new Set(closingWords.map((word) => `task.${word}`))

/**
 * Replays the leases of one task in the order of the log: at most one is open, and only the newest
 * one is closed.
 */
function replay(taskId: string, events: readonly EventRow[]): Violation[] {
  const violations: Violation[] = []
  let newest = 0
  let open: EventRow | undefined
  // The attempt of an adopted orphan result: it ends its task as that attempt.
  let adopted: number | null = null
  for (const event of events) {
    if (event.type === 'task.claimed') {
      if (open) violations.push(violation('lease-overlap', `task ${taskId}`, { open, claimed: event }))
      newest = event.attempt ?? newest + 1
      open = event
    } else if (event.type === 'task.adopted') {
      adopted = event.attempt
      open = undefined
    } else if (closing.has(event.type)) {
      if (event.attempt !== null && event.attempt !== newest && event.attempt !== adopted) {
        violations.push(violation('stale-event', `task ${taskId}`, { newest, event }))
      } else {
        open = undefined
      }
    }
  }
  return violations
}

export const leases: Checker = (_recorded, stored) =>
  [...stored.tasks.keys()].flatMap((taskId) => replay(taskId, stored.eventsOf.get(taskId) ?? []))
