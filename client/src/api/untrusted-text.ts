import type { AgentInfo, Delivery, Message } from '../generated/api.ts'
import { agentLabel, delimitUntrusted } from '../generated/untrusted-text.ts'

/** The agent in the header line of untrusted text, as returned by `agents.get`. */
export type Sender = Pick<AgentInfo, 'id' | 'name' | 'role'>

/**
 * Returns another agent's message as text for a model, in the form that the tools for coding agents
 * use: a header line with the authenticated sender, then the payload with `| ` before each line, at
 * most 16 000 characters of it. Line ends become `\n`, and control characters and invisible
 * characters are removed. The payload therefore cannot end its block or begin another one.
 *
 * `sender` is the current reply of `agents.get({ agent: message.from })`. Without it the header has
 * the sender's id, but no name and no role. Throws TypeError if `sender` is not the agent in
 * `from`.
 *
 * @example
 * ```ts
 * const { from } = message
 * const sender = from === null ? undefined : await client.agents.get({ agent: from })
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
