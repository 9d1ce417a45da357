import type { Checker } from './checker.ts'
import type { Stored, TaskRow } from './database.ts'
import { attemptsByLease, eventsOfType, leaseKey, mayBeAttempt } from './lookups.ts'
import type { LeaseWrite } from './recorded.ts'
import { violation } from './violation.ts'

const differ = (a: string | null | undefined, b: string | null | undefined): boolean => Boolean(a && b && a !== b)

const adopted = (row: TaskRow, stored: Stored) => eventsOfType(stored, row.id, 'task.adopted')

function wrongInRow(row: TaskRow, stored: Stored): boolean {
  return eventsOfType(stored, row.id, 'task.completed').some((event) => {
    const claims = eventsOfType(stored, row.id, 'task.claimed').filter((claim) => claim.attempt === event.attempt)
    return (
      !(mayBeAttempt(event, row.attempt) || adopted(row, stored).some((of) => of.attempt === event.attempt)) ||
      differ(event.agentId, row.agentId) ||
      claims.some((claim) => differ(claim.actor, event.agentId))
    )
  })
}

function wrongForWriter(write: LeaseWrite, attempt: number | undefined, stored: Stored): boolean {
  const events = eventsOfType(stored, write.taskId, 'task.completed', 'task.submitted')
  if (events.length === 0) return false
  const agent = stored.agentsByName.get(write.client)
  // A client records the reply of a claim before it uses the lease, so a token without a recorded
  // claim was invented.
  return (
    attempt === undefined || !events.some((event) => mayBeAttempt(event, attempt) && !differ(event.agentId, agent?.id))
  )
}

export const completionAttempt: Checker = ({ leaseWrites, claims }, stored) => {
  const attempts = attemptsByLease(claims)
  const rows = [...stored.tasks.values()].filter((row) => row.status === 'completed' && wrongInRow(row, stored))
  const writes = leaseWrites.filter(
    (write) =>
      write.f === 'complete' && write.outcome === 'ok' && wrongForWriter(write, attempts.get(leaseKey(write)), stored),
  )
  const eventsOf = (taskId: string) => stored.eventsOf.get(taskId) ?? []
  return [
    ...rows.map((row) => violation('completion-attempt', `task ${row.id}`, { row, events: eventsOf(row.id) })),
    ...writes.map((write) =>
      violation('completion-attempt', `task ${write.taskId}`, { write, events: eventsOf(write.taskId) }),
    ),
  ]
}
