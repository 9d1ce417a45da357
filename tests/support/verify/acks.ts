import type { Checker } from './checker.ts'
import { violation } from './violation.ts'

export const acks: Checker = (recorded, stored) => {
  const accepted = recorded.acks.filter((ack) => ack.outcome === 'ok')
  const lost = accepted.filter((ack) => stored.messagesById.get(ack.messageId)?.[0]?.status !== 'acked')

  const asked = new Set(recorded.acks.filter((ack) => ack.outcome !== 'fail').map((ack) => ack.messageId))
  const unknown = stored.messages.filter((row) => row.status === 'acked' && !asked.has(row.id))

  // A second ack with the same receipt from the same client is a repetition and gets the same
  // reply.
  const twice = [...Map.groupBy(accepted, (ack) => ack.messageId)].filter(
    ([, of]) => new Set(of.map((ack) => `${ack.client} ${ack.receipt}`)).size > 1,
  )
  return [
    ...lost.map((ack) =>
      violation('ack-lost', `message ${ack.messageId}`, { ack, rows: stored.messagesById.get(ack.messageId) ?? [] }),
    ),
    ...unknown.map((row) => violation('ack-unknown', `message ${row.id}`, row)),
    ...twice.map(([id, of]) => violation('acked-twice', `message ${id}`, of)),
  ]
}
