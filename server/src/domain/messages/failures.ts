import type { DeliveryFailureReason } from '@tony/mcp-shared/dead-letters'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

interface DeliveryFailure {
  messageId: string
  /** The number of redrives before this failure. It separates these attempts from earlier ones. */
  redrives: number
  /** 0 for a message that was never delivered. */
  attempt: number
  reason: DeliveryFailureReason
  error: string | null
}

const insertDeliveryFailure = statement(({ db, t, p }: StatementParts<DeliveryFailure & { at: number }>) =>
  db
    .insert(t.deliveryFailures)
    .values({
      messageId: p.messageId,
      redrives: p.redrives,
      attempt: p.attempt,
      at: p.at,
      reason: p.reason,
      error: p.error,
    })
    .returning({ attempt: t.deliveryFailures.attempt })
    .prepare(),
)

/** Adds a failed delivery to the history that a dead letter shows. */
export async function recordDeliveryFailure(tx: Transaction, failure: DeliveryFailure): Promise<void> {
  await tx.run(insertDeliveryFailure, { ...failure, at: tx.now })
}
