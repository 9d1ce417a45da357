import type { Checker } from './checker.ts'
import type { Stored } from './database.ts'
import { eventsOfType } from './lookups.ts'
import type { Recipient, Send } from './recorded.ts'
import { explains } from './send-index.ts'
import { type Violation, violation } from './violation.ts'

function ofRecipient(send: Send, recipient: Recipient, stored: Stored): Violation[] {
  const rows = stored.messagesById.get(recipient.messageId) ?? []
  const [row] = rows
  if (!row && eventsOfType(stored, recipient.messageId, 'message.purged').length > 0) return []
  if (!row || rows.length > 1) return [violation('message-lost', `message ${recipient.messageId}`, { send, rows })]
  const same = row.toAgent === recipient.agentId && explains(send, row, stored)
  return same ? [] : [violation('message-altered', `message ${row.id}`, { send, row })]
}

/**
 * Every message that a reply names is stored once, with the sent contents and one copy for each
 * recipient.
 */
export const sendsStored: Checker = ({ sends }, stored) =>
  sends
    .filter((send) => send.outcome === 'ok')
    .flatMap((send) => {
      const copies = send.recipients.length - new Set(send.recipients.map((recipient) => recipient.agentId)).size
      const doubled = copies > 0 ? [violation('message-altered', `send ${send.key}`, send)] : []
      return [...doubled, ...send.recipients.flatMap((recipient) => ofRecipient(send, recipient, stored))]
    })
