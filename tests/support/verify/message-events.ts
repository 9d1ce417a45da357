import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

/** Each send, ack and nak is in the log: the first two exactly once for each stored message. */
export const messageEvents: Checker = ({ naks }, stored) => {
  const ofRows = stored.messages.flatMap((row) => {
    const sent = eventsOfType(stored, row.id, 'message.sent')
    const acked = eventsOfType(stored, row.id, 'message.acked')
    return [
      ...(sent.length === 1 ? [] : [violation('sent-event', `message ${row.id}`, { row, sent })]),
      ...(acked.length === (row.status === 'acked' ? 1 : 0)
        ? []
        : [violation('ack-event', `message ${row.id}`, { row, acked })]),
    ]
  })
  const refused = naks.filter(
    (nak) => nak.outcome === 'ok' && eventsOfType(stored, nak.messageId, 'message.nacked', 'message.dead').length === 0,
  )
  return [...ofRows, ...refused.map((nak) => violation('nak-event', `message ${nak.messageId}`, nak))]
}
