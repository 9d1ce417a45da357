import type { Checker } from './checker.ts'
import { attemptsByLease, eventsOfType, importedReopens, leaseKey, mayBeAttempt } from './lookups.ts'
import { type Violation, violation } from './violation.ts'

/** An acknowledged completion must be in the database, and a stored one must have a call. */
export const completionsStored: Checker = ({ leaseWrites, claims }, stored) => {
  const violations: Violation[] = []
  const completions = leaseWrites.filter((write) => write.f === 'complete' && write.outcome !== 'fail')
  for (const write of completions) {
    const row = stored.tasks.get(write.taskId)
    // A submitted task may have been rejected, cancelled or failed since, and any task reopened.
    const submitted = eventsOfType(stored, write.taskId, 'task.submitted').length > 0
    const mayHaveChanged = submitted || importedReopens(stored, write.taskId) > 0
    if (write.outcome === 'ok' && !mayHaveChanged && row?.status !== 'completed') {
      violations.push(violation('completion-lost', `task ${write.taskId}`, { write, row: row ?? null }))
    }
  }

  const attempts = attemptsByLease(claims)
  const byTask = Map.groupBy(completions, (write) => write.taskId)
  for (const row of stored.tasks.values()) {
    // A task that was imported as completed was never claimed.
    if (row.status !== 'completed' || row.attempt === 0) continue
    if (eventsOfType(stored, row.id, 'task.adopted').length > 0) continue
    const events = eventsOfType(stored, row.id, 'task.completed')
    // The source of its plan has completed it.
    if (events.at(-1)?.imported === 1) continue
    const asked = (byTask.get(row.id) ?? []).some(
      (write) => events.length === 0 || events.some((event) => mayBeAttempt(event, attempts.get(leaseKey(write)))),
    )
    if (!asked) violations.push(violation('completion-unknown', `task ${row.id}`, { row, events }))
  }
  return violations
}
