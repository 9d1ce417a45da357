import type { AgentInfo, Delivery, Message } from '../generated/api.ts'
import { agentLabel, delimitUntrusted } from '../generated/untrusted-text.ts'

/** What of an agent stands in the head: as `agents.get` gives it. */
export type Sender = Pick<AgentInfo, 'id' | 'name' | 'role'>

/**
 * A peer's message as text for a model, as the tools for coding agents show it: a head with the sender the server authenticated,
 * then the payload, each line behind `| `, at most 16 000 characters of it. Line ends of other kinds, control characters and
 * characters that are not seen are taken out, so whatever it says it cannot end its fence or begin another.
 *
 * `sender` is what `agents.get({ agent: message.from })` says now; without it the head has the sender's id and no name or role.
 * Throws a TypeError when it is not who the message is from.
 *
 * ```ts
 * const sender = message.from === null ? undefined : await client.agents.get({ agent: message.from })
 * prompt.push(delimitUntrustedMessage(message, sender))
 * ```
 */
export function delimitUntrustedMessage(
  { id, from, payload }: Pick<Message | Delivery, 'id' | 'from' | 'payload'>,
  sender?: Sender,
): string {
  if (sender && sender.id !== from) throw new TypeError(`message ${id} is not from agent ${sender.id}`)
  return delimitUntrusted(payload, `message from ${from !== null && !sender ? `agent ${from}` : agentLabel(sender)}`)
}
