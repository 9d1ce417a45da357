import type { Checker } from './checker.ts'
import type { MessageRow, Stored } from './database.ts'
import type { Delivery } from './recorded.ts'
import { type Rule, violation } from './violation.ts'

function brokenBy(delivery: Delivery, row: MessageRow | undefined, stored: Stored): Rule | undefined {
  if (!row) return 'delivery-unknown'
  const reader = stored.agentsByName.get(delivery.client)
  if (delivery.agentId !== row.toAgent || (reader && reader.id !== row.toAgent)) return 'misdelivered'
  return delivery.attempt > row.maxDeliver ? 'max-deliver-exceeded' : undefined
}

export const deliveries: Checker = (recorded, stored) => {
  const seen = recorded.deliveries.flatMap((delivery) => {
    const [row] = stored.messagesById.get(delivery.messageId) ?? []
    const rule = brokenBy(delivery, row, stored)
    return rule ? [violation(rule, `message ${delivery.messageId}`, { delivery, row })] : []
  })
  const counted = stored.messages.filter((row) => row.deliveries > row.maxDeliver)
  return [...seen, ...counted.map((row) => violation('max-deliver-exceeded', `message ${row.id}`, row))]
}
