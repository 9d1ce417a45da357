import { criticalShare, redeliveryPolicy } from '@tony/mcp-shared/messages'
import { deliverAtSend, move } from './deliveries.model.ts'
import { type Agent, type Caller, type Delivery, type Message, refuse, type State } from './state.ts'

const never = Number.POSITIVE_INFINITY

/** The target of a message: one agent, or all matching agents but the sender. */
export type Address = Agent | { readonly topic: string } | { readonly role: string } | 'all'

export interface MessageSpec {
  readonly to: Address
  readonly priority: Message['priority']
  readonly payload: unknown
  readonly thread: string | undefined
  readonly task: Message['task']
  readonly maxDeliver: number
  readonly ttlMs: number | undefined
}

export const isAgent = (to: Address): to is Agent => typeof to === 'object' && 'id' in to

export const addressOf = (to: Address): string => {
  if (to === 'all') return '*'
  if (isAgent(to)) return to.id
  return 'topic' in to ? `topic:${to.topic}` : `role:${to.role}`
}

const waits = ({ status, purged }: Message): boolean => !purged && (status === 'pending' || status === 'delivered')

/**
 * True if the inbox accepts another message. The last twentieth of its capacity is for critical
 * ones.
 */
function hasRoom(state: State, to: Agent, priority: Message['priority']): boolean {
  const reserve = priority === 'critical' ? 0 : Math.floor(state.maxPending * criticalShare)
  return state.messages.filter((one) => one.to === to && waits(one)).length < state.maxPending - reserve
}

/** Returns the visibility of a message's event: sender, recipient and tech leads. */
export const about = ({ from, to, task, thread }: Message) => ({
  audience: from ? [from, to] : [to],
  task,
  thread,
})

const matching = (state: State, sender: Caller, to: Address): Agent[] =>
  state.agents.filter((agent) => {
    if (isAgent(to)) return agent === to
    if (agent === sender) return false
    if (to === 'all') return true
    return 'topic' in to ? state.topics.get(agent)?.has(to.topic) === true : agent.role === to.role
  })

function post(state: State, sender: Caller, spec: MessageSpec, to: Agent, full: boolean): Message {
  const { to: address, ttlMs, ...rest } = spec
  const message: Message = {
    ...rest,
    id: '',
    order: state.messages.length,
    from: sender,
    to,
    address: isAgent(address) ? undefined : addressOf(address),
    expiresAt: ttlMs === undefined ? never : state.now + ttlMs,
    status: full ? 'dead' : 'pending',
    attempt: 0,
    redrives: 0,
    notBefore: undefined,
    delivery: undefined,
    failures: full ? [{ attempt: 0, reason: 'inbox_full', error: null }] : [],
    purged: false,
  }
  state.messages.push(message)
  const data = { from: sender?.id ?? null, to: to.id, type: 'note', priority: spec.priority }
  state.tell('message.sent', message, sender, data, about(message))
  if (full) state.tell('message.dead', message, sender, { attempt: 0, reason: 'inbox_full' }, about(message))
  else deliverAtSend(state, message)
  return message
}

export function send(state: State, sender: Caller, spec: MessageSpec): Message[] {
  if (sender?.role === 'observer') refuse('FORBIDDEN')
  const recipients = matching(state, sender, spec.to)
  return recipients.map((to) => {
    const full = !hasRoom(state, to, spec.priority)
    if (full && isAgent(spec.to)) refuse('INBOX_FULL')
    return post(state, sender, spec, to, full)
  })
}

/**
 * Returns the message of a current receipt. A receipt is current until its delivery ends or another
 * one follows.
 */
function requireCurrent(agent: Agent, delivery: Delivery): Message {
  const { message } = delivery
  if (message.to !== agent || message.purged) refuse('NOT_FOUND')
  if (message.status !== 'delivered' || message.delivery !== delivery) refuse('STALE_RECEIPT')
  return message
}

export function ack(state: State, agent: Agent, delivery: Delivery): object {
  const { message } = delivery
  if (message.to !== agent || message.purged) refuse('NOT_FOUND')
  if (!(message.status === 'acked' && message.delivery === delivery)) {
    requireCurrent(agent, delivery)
    move(message, 'ack')
    state.tell('message.acked', message, agent, { attempt: message.attempt }, about(message))
  }
  return { messageId: message.id, status: 'acked' }
}

function bury(
  state: State,
  message: Message,
  by: 'bury' | 'term',
  why: { reason: string; error: string | undefined },
  actor: Caller,
): void {
  move(message, by)
  message.failures.push({ attempt: message.attempt, ...why })
  state.tell('message.dead', message, actor, { attempt: message.attempt, ...why }, about(message))
}

const backoffMs = (state: State, deliveries: number): number => {
  const { initialIntervalMs, backoffCoefficient, maximumIntervalMs } = redeliveryPolicy
  return Math.floor(
    state.chance * Math.min(maximumIntervalMs, initialIntervalMs * backoffCoefficient ** (deliveries - 1)),
  )
}

/** Ends a failed delivery: the message is redelivered after a backoff, or becomes a dead letter. */
function failDelivery(
  state: State,
  message: Message,
  by: 'nak' | 'redeliver',
  error: string | undefined,
  actor: Caller,
  delayMs?: number,
): void {
  const reason = by === 'nak' ? 'nak' : 'ack_timeout'
  if (message.attempt >= message.maxDeliver) return bury(state, message, 'bury', { reason, error }, actor)
  move(message, by)
  message.failures.push({ attempt: message.attempt, reason, error })
  message.notBefore = state.now + (delayMs ?? backoffMs(state, message.attempt))
  const data = { attempt: message.attempt, reason, error }
  state.tell(by === 'nak' ? 'message.nacked' : 'message.returned', message, actor, data, about(message))
}

export function nak(
  state: State,
  agent: Agent,
  delivery: Delivery,
  how: { delayMs: number | undefined; error: string },
): object {
  const message = requireCurrent(agent, delivery)
  failDelivery(state, message, 'nak', how.error, agent, how.delayMs)
  return { messageId: message.id, status: message.status }
}

export function term(state: State, agent: Agent, delivery: Delivery, error: string): object {
  const message = requireCurrent(agent, delivery)
  bury(state, message, 'term', { reason: 'term', error }, agent)
  return { messageId: message.id, status: 'dead' }
}

export function inProgress(state: State, agent: Agent, delivery: Delivery, ackWaitMs: number): object {
  const message = requireCurrent(agent, delivery)
  delivery.ackBy = state.now + ackWaitMs
  return { messageId: message.id, ackBy: new Date(delivery.ackBy).toISOString() }
}

export function redrive(state: State, caller: Caller, dead: readonly Message[], to: Agent | undefined): object {
  const redriven: Message[] = []
  const refused: Message[] = []
  for (const message of dead) {
    if (!hasRoom(state, to ?? message.to, message.priority)) {
      refused.push(message)
      continue
    }
    move(message, 'redrive')
    const before = message.to
    message.to = to ?? message.to
    message.attempt = 0
    message.expiresAt = never
    message.redrives += 1
    message.failures = []
    message.notBefore = undefined
    message.delivery = undefined
    redriven.push(message)
    const { audience, ...rest } = about(message)
    const data = { to: message.to.id, redrives: message.redrives }
    // The owner of the earlier inbox sees the event too.
    state.tell('message.redriven', message, caller, data, { ...rest, audience: [...audience, before] })
  }
  return {
    redriven: redriven.map(({ id }) => id),
    refused: refused.map(({ id }) => ({ messageId: id, error: { code: 'INBOX_FULL' } })),
    more: false,
  }
}

export function purge(state: State, caller: Caller, dead: readonly Message[]): object {
  for (const message of dead) {
    message.purged = true
    state.tell('message.purged', message, caller, {}, about(message))
  }
  return { purged: dead.length, more: false }
}

export function subscribe(state: State, agent: Agent, topic: string, wanted: boolean): object {
  const topics = state.topics.get(agent) ?? new Set()
  state.topics.set(agent, topics)
  if (topics.has(topic) !== wanted) {
    state.tell(wanted ? 'topic.subscribed' : 'topic.unsubscribed', agent, agent, { topic })
    if (wanted) topics.add(topic)
    else topics.delete(topic)
  }
  return { topic, topics: [...topics].toSorted() }
}

interface Due {
  readonly at: number
  /** Absent if the time makes a message deliverable and changes no row. */
  readonly happens?: (state: State) => void
}

function dueOf(message: Message): Due[] {
  if (message.purged) return []
  if (message.status === 'delivered')
    return [
      {
        at: message.delivery?.ackBy ?? never,
        happens: (state) => failDelivery(state, message, 'redeliver', undefined, undefined),
      },
    ]
  if (message.status !== 'pending') return []
  const expires = (state: State) => {
    move(message, 'expire')
    state.tell('message.expired', message, undefined, { attempt: message.attempt }, about(message))
  }
  return [{ at: message.expiresAt, happens: expires }, { at: message.notBefore ?? never }]
}

export const nextDue = (state: State): number =>
  Math.min(
    never,
    ...state.messages
      .flatMap(dueOf)
      .map(({ at }) => at)
      .filter((at) => at >= state.now),
  )

/**
 * Applies everything that is due. A message whose redelivery falls on its expiry expires at once.
 */
export function settle(state: State): void {
  for (const message of state.messages) {
    const [first] = dueOf(message)
      .filter(({ at, happens }) => happens && at <= state.now)
      .toSorted((a, b) => a.at - b.at)
    first?.happens?.(state)
    if (message.status === 'pending' && !message.purged && message.expiresAt <= state.now)
      dueOf(message)[0]?.happens?.(state)
  }
}
