import type { Checker } from './checker.ts'
import type { Send } from './recorded.ts'
import { answered, intentsOf } from './send-index.ts'
import { violation } from './violation.ts'

const answerOf = (send: Send): string =>
  JSON.stringify([send.id, ...send.recipients.map((to) => `${to.agentId} ${to.messageId}`).toSorted()])

export const sendKeys: Checker = ({ sends }) => {
  const intents = intentsOf(sends)
  const doubled = intents.filter((intent) => new Set(intent.replies.map(answerOf)).size > 1)
  const shared = [...answered(intents)].filter(([, of]) => of.length > 1)
  return [
    ...doubled.map((intent) => violation('key-two-messages', `send ${intent.key}`, intent.replies)),
    ...shared.map(([id, of]) => violation('message-two-keys', `message ${id}`, of)),
  ]
}
