import { type Query, statement, type Transaction } from '../../store/store.ts'

interface DeliveryFailure {
  messageId: string
  /** How often the message had been redriven, which tells its attempts from those before. */
  redrives: number
  /** 0 where it was never delivered. */
  attempt: number
  reason: 'nak' | 'term' | 'ack wait over' | 'inbox full'
  error: string | null
}

const insert = statement(({ db, t, p }: Query<DeliveryFailure & { at: number }>) =>
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

/** Adds to the history a dead letter shows. */
export async function recordFailure(tx: Transaction, failure: DeliveryFailure): Promise<void> {
  await tx.run(insert, { ...failure, at: tx.now })
}
