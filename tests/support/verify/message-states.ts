import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

const statuses: ReadonlySet<string> = new Set(['pending', 'delivered', 'acked', 'dead', 'expired'])

export const messageStatuses: Checker = (_recorded, stored) => {
  const unknown = Object.keys(stored.messageCounts).filter((status) => !statuses.has(status))
  const sum = Object.values(stored.messageCounts).reduce((total, rows) => total + rows, 0)
  if (unknown.length === 0 && sum === stored.messages.length) return []
  return [
    violation('message-status', 'messages', { counts: stored.messageCounts, rows: stored.messages.length, unknown }),
  ]
}

export const deadLetters: Checker = (_recorded, stored) =>
  stored.messages
    .filter((row) => row.status === 'dead')
    .flatMap((row) => {
      const failures = stored.deliveryFailures.get(row.id) ?? 0
      const events = eventsOfType(stored, row.id, 'message.dead')
      // The copy of a fan-out for a full inbox is a dead letter from the start, without a delivery
      // that could have failed.
      const told = events.length > 0 && (failures > 0 || row.deliveries === 0)
      return told ? [] : [violation('dead-without-history', `message ${row.id}`, { row, failures, events })]
    })
