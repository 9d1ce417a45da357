import type { Checker } from './checker.ts'
import { answered, explains, intentsOf } from './send-index.ts'
import { type Violation, violation } from './violation.ts'

/**
 * A message that no reply names comes from a send with an unknown outcome, at most once for each
 * recipient.
 */
export const phantomMessages: Checker = ({ sends }, stored) => {
  const violations: Violation[] = []
  const intents = intentsOf(sends)
  const replied = answered(intents)
  const byType = Map.groupBy(intents, (intent) => intent.tries[0]?.type)
  const extra = stored.messages.filter((row) => !replied.has(row.id))
  for (const rows of Map.groupBy(extra, (row) => JSON.stringify([row.fromAgent, row.toAgent, row.type])).values()) {
    const [row] = rows
    if (!row) continue
    const candidates = (byType.get(row.type) ?? []).filter((intent) =>
      intent.tries.some((send) => explains(send, row, stored)),
    )
    const uncertain = candidates.filter((intent) => intent.uncertain)
    if (rows.length <= uncertain.length) continue
    const refused = candidates.filter((intent) => !intent.uncertain && intent.replies.length === 0)
    violations.push(
      violation(refused.length > 0 ? 'failed-send-stored' : 'message-phantom', `message ${row.id}`, {
        rows,
        uncertain,
        refused,
      }),
    )
  }
  return violations
}
