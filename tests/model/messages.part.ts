import { same } from './differs.ts'
import { nextDue, settle } from './messages.model.ts'
import type { Part, Play } from './play.ts'
import type { Agent, Message, State } from './state.ts'
import type { World } from './world.ts'

const messageQuery = `select id, status, to_agent as "to", retry_count as attempt, redrives, not_before as "notBefore" from messages where project_id = ? order by ord`
const mailboxQuery = `select agent_id as agent, accepted, pending, delivered, acked, dead, expired, purged from mailboxes where project_id = ?`

const statuses = ['pending', 'delivered', 'acked', 'dead', 'expired'] as const

/** Returns the stats of an inbox. A redriven message counts in its new inbox only. */
function inboxStatsOf(messages: readonly Message[], agent: Agent) {
  const own = messages.filter(({ to }) => to === agent)
  const counts = Object.fromEntries(
    statuses.map((status) => [status, own.filter((message) => !message.purged && message.status === status).length]),
  )
  return { agent: agent.id, accepted: own.length, purged: own.filter(({ purged }) => purged).length, ...counts }
}

/** Returns the time of a future redelivery. A sweep removes it from the row afterwards. */
const comesAt = ({ status, notBefore }: Message, now: number) =>
  status === 'pending' && notBefore !== undefined && notBefore > now ? notBefore : undefined

async function compare({ messages, agents, now }: State, world: World): Promise<void> {
  const wanted = messages
    .filter(({ purged }) => !purged)
    .map((message) => {
      const { id, status, to, attempt, redrives } = message
      return { id, status, to: to.id, attempt, redrives, notBefore: comesAt(message, now) }
    })
  same(wanted, await world.rows(messageQuery), 'messages')
  const byAgent = (a: { agent: string }, b: { agent: string }) => (a.agent < b.agent ? -1 : 1)
  const mailboxes = await world.rows<{ agent: string }>(mailboxQuery)
  same(agents.map((agent) => inboxStatsOf(messages, agent)).toSorted(byAgent), mailboxes.toSorted(byAgent), 'mailboxes')
}

export const messagePart: Part = { nextDue, settle, compare }

const viewOf = (message: Message) => ({
  id: message.id,
  from: message.from?.id ?? null,
  to: message.to.id,
  address: message.address ?? null,
  payload: message.payload,
  status: message.status,
  attempt: message.attempt,
  redrives: message.redrives,
  threadId: message.thread ?? null,
})

/**
 * Compares every message of the server with the model at the end of a run, newest first, and the
 * failures of every dead letter.
 */
export async function compareMessages(play: Play): Promise<void> {
  const left = play.state.messages.filter(({ purged }) => !purged)
  await play.call(undefined, 'messages.list', { limit: 500 }, () => ({
    messages: left.toReversed().map(viewOf),
    nextCursor: null,
  }))
  const dead = left.filter(({ status }) => status === 'dead')
  await play.call(undefined, 'messages.deadLetters.list', { limit: 500 }, () => ({
    deadLetters: dead.map(({ id, failures }) => ({ id, failures })),
  }))
}
