import type { Checker } from './checker.ts'
import { answered, type Intent, intentsOf } from './send-index.ts'
import { type Violation, violation } from './violation.ts'

const hashesOf = (intents: readonly Intent[]): Set<string> =>
  new Set(
    intents.flatMap((intent) => intent.tries.filter((send) => send.outcome !== 'fail').map((send) => send.payloadHash)),
  )

export const payloads: Checker = ({ sends, deliveries }, stored) => {
  const violations: Violation[] = []
  const intents = intentsOf(sends)
  const replied = answered(intents)
  const uncertain = hashesOf(intents.filter((intent) => intent.uncertain))
  const refused = new Set(
    intents
      .filter((intent) => !intent.uncertain && intent.replies.length === 0)
      .flatMap((intent) => intent.tries.map((send) => send.payloadHash)),
  )
  for (const delivery of deliveries) {
    if (!stored.messagesById.has(delivery.messageId)) continue
    const sent = replied.get(delivery.messageId)
    const { payloadHash } = delivery
    if ((sent ? hashesOf(sent) : uncertain).has(payloadHash)) continue
    const rule = !sent && refused.has(payloadHash) ? 'failed-send-stored' : 'payload-changed'
    violations.push(violation(rule, `message ${delivery.messageId}`, { delivery, sent }))
  }
  return violations
}
