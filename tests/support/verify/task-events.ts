import type { Checker } from './checker.ts'
import type { Stored } from './database.ts'
import { attemptsByLease, eventsOfType, importedReopens, leaseKey, mayBeAttempt } from './lookups.ts'
import type { LeaseWrite } from './recorded.ts'
import { type Rule, type Violation, violation } from './violation.ts'

const eventsOfWrite: Readonly<Record<string, { rule: Rule; types: readonly string[] }>> = {
  fail: { rule: 'fail-event', types: ['task.retried', 'task.failed'] },
  release: { rule: 'release-event', types: ['task.released'] },
  requestInput: { rule: 'operator-event', types: ['task.input_requested'] },
  lock: { rule: 'operator-event', types: ['task.locked'] },
}

/** True if the write asks for locks that the claim has taken already, which changes nothing. */
const tookNothing = (write: LeaseWrite, stored: Stored): boolean =>
  write.f === 'lock' &&
  write.locks.length > 0 &&
  write.locks.every((lock) => stored.tasks.get(write.taskId)?.locks.includes(lock))

function ofWrite(write: LeaseWrite, attempt: number | undefined, stored: Stored): Violation[] {
  if (write.f === 'complete') {
    const ofAttempt = (type: string) =>
      eventsOfType(stored, write.taskId, type).filter((event) => mayBeAttempt(event, attempt))
    const submitted = ofAttempt('task.submitted')
    // After its source has opened it again, a task is completed in several attempts.
    const isReopened = importedReopens(stored, write.taskId) > 0
    const completed = isReopened ? ofAttempt('task.completed') : eventsOfType(stored, write.taskId, 'task.completed')
    const events = submitted.length > 0 ? submitted : completed.filter(({ imported }) => imported !== 1)
    const told = events.length === 1 || submitted.some((event) => event.attempt === null)
    return told ? [] : [violation('completion-event', `task ${write.taskId}`, { write, events })]
  }
  const wanted = eventsOfWrite[write.f]
  if (!wanted || tookNothing(write, stored)) return []
  const events = eventsOfType(stored, write.taskId, ...wanted.types)
  const found = events.some((event) => mayBeAttempt(event, attempt))
  return found ? [] : [violation(wanted.rule, `task ${write.taskId}`, { write, attempt, events })]
}

/** Everything that a reply says about a task is in the log. */
export const taskEvents: Checker = ({ claims, starts, leaseWrites }, stored) => {
  const attempts = attemptsByLease(claims)
  const handouts = [...claims, ...starts].flatMap((handout) => {
    const events = eventsOfType(stored, handout.taskId, 'task.claimed')
    const found = events.some((event) => mayBeAttempt(event, handout.attempt))
    return found ? [] : [violation('claim-event', `task ${handout.taskId}`, { handout, events })]
  })
  const accepted = leaseWrites.filter((write) => write.outcome === 'ok')
  return [...handouts, ...accepted.flatMap((write) => ofWrite(write, attempts.get(leaseKey(write)), stored))]
}
