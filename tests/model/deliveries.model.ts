import { type MessageTransition, messageTransitions } from '@tony/mcp-shared/messages'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import type { Agent, Delivery, Message, State } from './state.ts'

export function move(message: Message, by: MessageTransition): void {
  const { from, to }: { from: readonly string[]; to: Message['status'] } = messageTransitions[by]
  if (!from.includes(message.status)) throw new Error(`the model moves ${message.status} by ${by}`)
  message.status = to
}

function deliver(state: State, message: Message, ackWaitMs: number): Delivery {
  move(message, 'deliver')
  message.attempt += 1
  const delivery: Delivery = { message, attempt: message.attempt, receipt: '', ackBy: state.now + ackWaitMs }
  message.delivery = delivery
  state.deliveries.push(delivery)
  return delivery
}

export interface Reception {
  readonly limit: number
  readonly maxAckPending: number
  readonly ackWaitMs: number
}

/** The number of messages that only `critical` ones may use. */
const criticalExtra = 10

export function receive(state: State, agent: Agent, { limit, maxAckPending, ackWaitMs }: Reception): Delivery[] {
  if (state.paused || agent.paused) return []
  const given: Delivery[] = []
  const queue = state.messages
    .filter(({ to, status, purged }) => to === agent && status === 'pending' && !purged)
    .filter(({ notBefore, expiresAt }) => (notBefore === undefined || notBefore < state.now) && expiresAt > state.now)
    .toSorted((a, b) => rankOfPriority(a.priority) - rankOfPriority(b.priority) || a.order - b.order)
  for (const message of queue) {
    const inFlight = state.messages.filter((one) => one.to === agent && one.status === 'delivered').length
    const most = maxAckPending + (message.priority === 'critical' ? criticalExtra : 0)
    if (given.length === limit || inFlight >= most) break
    given.push(deliver(state, message, ackWaitMs))
  }
  return given
}

/** Delivers a new message to the inbox that is open, if it may get one now. */
export function deliverAtSend(state: State, message: Message): void {
  const { openInbox, messages, paused } = state
  if (!openInbox || openInbox.agent !== message.to || paused || message.to.paused) return
  const own = messages.filter((one) => one !== message && one.to === message.to && !one.purged)
  if (own.some(({ status }) => status === 'pending')) return
  if (own.filter(({ status }) => status === 'delivered').length < openInbox.maxAckPending)
    deliver(state, message, openInbox.ackWaitMs)
}
