import type { Transaction } from '../../store/store.ts'
import { triedProvidersOf, type WakeRow } from './open-wakes.ts'

type WakeEventType = 'wake.requested' | 'wake.woken' | 'wake.unavailable'

/** Appends an event of a wake, for the woken agent and for the one whose act it follows. */
export function recordWakeEvent(tx: Transaction, type: WakeEventType, row: WakeRow): void {
  const { id: wakeId, agentId, reason, subject, fromAgent, taskId } = row
  tx.append({
    type,
    subject,
    actor: type === 'wake.woken' ? agentId : null,
    taskId,
    audience: fromAgent === null ? [agentId] : [fromAgent, agentId],
    data: { wakeId, agentId, reason, tried: triedProvidersOf(row) },
  })
}
