import type { AgentRow, MessageRow, Stored } from './database.ts'
import type { Send } from './recorded.ts'

/** All attempts of one intended send. */
export interface Intent {
  readonly key: string
  readonly tries: readonly Send[]
  /** The replies. There are several if the key was used again after a reply. */
  readonly replies: readonly Send[]
  /** True if the message may be stored without a reply that reports it. */
  readonly uncertain: boolean
}

export function intentsOf(sends: readonly Send[]): Intent[] {
  return [...Map.groupBy(sends, (send) => send.key)].map(([key, tries]) => {
    const replies = tries.filter((send) => send.outcome === 'ok')
    return { key, tries, replies, uncertain: replies.length === 0 && tries.some((send) => send.outcome === 'info') }
  })
}

/** Returns the messages that the replies name, by id, with their intents. */
export function answered(intents: readonly Intent[]): Map<string, Intent[]> {
  const byId = new Map<string, Intent[]>()
  for (const intent of intents) {
    const ids = new Set(intent.replies.flatMap((reply) => reply.recipients.map((recipient) => recipient.messageId)))
    for (const id of ids) byId.set(id, [...(byId.get(id) ?? []), intent])
  }
  return byId
}

function reaches(to: string, agent: AgentRow | undefined, sender: string | null, stored: Stored): boolean {
  if (to === '*') return agent?.id !== sender
  if (to.startsWith('role:')) return agent?.role === to.slice('role:'.length)
  // A target that names no agent is a topic, and the histories do not contain its subscribers.
  if (!stored.agents.has(to) && !stored.agentsByName.has(to)) return true
  return agent !== undefined && (agent.id === to || agent.name === to)
}

/**
 * True if a stored message can be the effect of a send. A client that is not an agent may have sent
 * it in any name.
 */
export function explains(send: Send, row: MessageRow, stored: Stored): boolean {
  const sender = stored.agentsByName.get(send.client)
  const named = sender === undefined || sender.id === row.fromAgent
  return named && send.type === row.type && reaches(send.to, stored.agents.get(row.toAgent), row.fromAgent, stored)
}
