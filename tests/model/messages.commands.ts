import fc from 'fast-check'
import { type Act, act, agentOf, given, key, maybe, number, pick } from './acts.ts'
import { pausing } from './locks.commands.ts'
import {
  type Address,
  ack,
  addressOf,
  inProgress,
  type Letter,
  nak,
  purge,
  receive,
  redrive,
  send,
  subscribe,
  term,
} from './messages.model.ts'
import type { Play } from './play.ts'
import { type Agent, type Caller, type Delivery, iso, type Message, once, Refusal, type State } from './state.ts'

const topics = ['t1', 't2'] as const
const ackWaits = [1_000, 5_000, 30_000] as const

/** The first three agents get most of the mail, so that some is waiting for somebody. */
const someone = fc.nat(3)

const letters = fc.record({
  to: fc.oneof(
    { weight: 5, arbitrary: fc.record({ agent: someone }) },
    { weight: 1, arbitrary: fc.record({ topic: fc.constantFrom(...topics) }) },
    { weight: 1, arbitrary: fc.record({ role: fc.constantFrom('developer', 'tester', 'observer') }) },
    { weight: 1, arbitrary: fc.constant('all' as const) },
  ),
  priority: fc.constantFrom<Message['priority'][]>('critical', 'high', 'normal', 'normal', 'low'),
  thread: maybe(fc.constantFrom('th1', 'th2')),
  maxDeliver: fc.constantFrom(1, 2, 5),
  ttlMs: maybe(fc.constantFrom(4_000, 60_000)),
  payload: fc.nat(1),
})
type GivenLetter = typeof letters extends fc.Arbitrary<infer T> ? T : never

function letterOf(play: Play, { to, ...rest }: GivenLetter): Letter {
  const address: Address = typeof to === 'object' && 'agent' in to ? agentOf(play, to.agent) : to
  return { ...rest, to: address, task: undefined }
}

const inputOf = ({ to, priority, payload, thread, maxDeliver, ttlMs }: Letter): object =>
  given({ to: addressOf(to), type: 'note', payload, priority, threadId: thread, maxDeliver, ttlMs })

interface Sent {
  readonly id: string
  readonly recipients: readonly { readonly agentId: string; readonly messageId: string }[]
}
const isSent = (value: unknown): value is Sent => typeof value === 'object' && value !== null && 'recipients' in value

/** The model gets to know the ids of what it sent. */
export function bindSent(messages: readonly Message[], reply: unknown): void {
  if (!isSent(reply)) return
  for (const message of messages) {
    message.id = reply.recipients.find(({ agentId }) => agentId === message.to.id)?.messageId ?? ''
  }
}

const recipientOf = ({ message: { to, id }, status }: { message: Message; status: string }) => ({
  agentId: to.id,
  status,
  ...(id === '' ? {} : { messageId: id }),
})

const byAgent = <T extends { agentId: string }>(recipients: readonly T[]): T[] =>
  recipients.toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))

const senderOf = (play: Play, index: number): Caller => (index > 50 ? undefined : agentOf(play, index))

const sending = act(
  'messages.send',
  fc.record({ from: number, letter: letters, idempotencyKey: key }),
  async (play, { from, letter: wanted, idempotencyKey }) => {
    const { state } = play
    const caller = senderOf(play, from)
    const letter = letterOf(play, { ...wanted })
    const input = inputOf(letter)
    let sent: Message[] = []
    const reply = await play.call(caller, 'messages.send', { ...input, ...given({ idempotencyKey }) }, () => {
      const first = once(state, { caller, path: 'send', key: idempotencyKey, input }, () => {
        sent = send(state, caller, letter)
        // As they are born: the first answer is given again whatever becomes of them.
        return sent.map((message) => ({ message, status: message.status }))
      })
      return { recipients: byAgent(first.map(recipientOf)) }
    })
    if (reply.ok) bindSent(sent, reply.value)
  },
)

interface SentMany {
  readonly results: readonly { readonly sent: unknown }[]
}
const isSentMany = (value: unknown): value is SentMany =>
  typeof value === 'object' && value !== null && 'results' in value

/** What one letter of a batch came to: the others are none of its business. */
function sendOne(state: State, caller: Caller, letter: Letter): { messages: Message[]; view: object } {
  try {
    const messages = send(state, caller, letter)
    const recipients = byAgent(messages.map((message) => recipientOf({ message, status: message.status })))
    return { messages, view: { sent: { recipients }, error: null } }
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'FORBIDDEN') throw error
    return { messages: [], view: { sent: null, error: { code: error.code } } }
  }
}

const sendingMany = act(
  'messages.sendMany',
  fc.record({ from: number, wanted: fc.array(letters, { minLength: 1, maxLength: 9 }) }),
  async (play, { from, wanted }) => {
    const caller = senderOf(play, from)
    const batch = wanted.map((one) => letterOf(play, one))
    let sent: Message[][] = []
    const reply = await play.call(caller, 'messages.sendMany', { messages: batch.map(inputOf) }, () => {
      const outcomes = batch.map((letter) => sendOne(play.state, caller, letter))
      sent = outcomes.map(({ messages }) => messages)
      return { results: outcomes.map(({ view }) => view) }
    })
    if (!reply.ok || !isSentMany(reply.value)) return
    for (const [index, messages] of sent.entries()) bindSent(messages, reply.value.results[index]?.sent)
  },
)

interface Received {
  readonly messages: readonly { readonly receipt: string }[]
}
const isReceived = (value: unknown): value is Received =>
  typeof value === 'object' && value !== null && 'messages' in value

export const viewOf = (message: Message) => ({
  id: message.id,
  from: message.from?.id ?? null,
  to: message.to.id,
  address: message.address ?? null,
  payload: message.payload,
  priority: message.priority,
  threadId: message.thread ?? null,
  attempt: message.attempt,
  maxDeliver: message.maxDeliver,
  expiresAt: Number.isFinite(message.expiresAt) ? iso(message.expiresAt) : null,
})

const receiving = act(
  'messages.receive',
  fc.record({
    agent: someone,
    limit: fc.constantFrom(1, 2, 10),
    maxAckPending: fc.constantFrom(1, 3, 100),
    ackWaitMs: fc.constantFrom(...ackWaits),
  }),
  async (play, { agent: index, ...how }) => {
    const agent = agentOf(play, index)
    let deliveries: Delivery[] = []
    const reply = await play.call(agent, 'messages.receive', how, () => {
      deliveries = receive(play.state, agent, how)
      return { messages: deliveries.map(({ message, ackBy }) => ({ ...viewOf(message), ackBy: iso(ackBy) })) }
    })
    if (!reply.ok || !isReceived(reply.value)) return
    for (const [index, delivery] of deliveries.entries()) delivery.receipt = reply.value.messages[index]?.receipt ?? ''
  },
)

const deliveryPick = fc.record({ which: number, stale: fc.nat(3), foreign: fc.nat(9) })

function deliveryOf(play: Play, { which, stale, foreign }: { which: number; stale: number; foreign: number }) {
  const { deliveries, agents } = play.state
  const current = deliveries.filter((one) => one.message.status === 'delivered' && one.message.delivery === one)
  const delivery = pick(stale === 0 || current.length === 0 ? deliveries : current, which)
  if (!delivery) return undefined
  const own = delivery.message.to
  const agent = foreign === 0 ? pick(agents, agents.indexOf(own) + 1) : own
  return agent && { delivery, agent }
}

const named = ({ message, receipt }: Delivery) => ({ messageId: message.id, receipt })

const under = <T>(
  path: string,
  args: fc.Arbitrary<T>,
  input: (args: T) => object,
  predict: (play: Play, agent: Agent, delivery: Delivery, args: T) => unknown,
): fc.Arbitrary<Act> =>
  act(path, fc.record({ pick: deliveryPick, args }), async (play, { pick: which, args: wanted }) => {
    const found = deliveryOf(play, which)
    if (!found) return
    const { agent, delivery } = found
    await play.call(agent, path, { ...named(delivery), ...given(input(wanted)) }, () =>
      predict(play, agent, delivery, wanted),
    )
  })

const acking = under(
  'messages.ack',
  fc.constant(undefined),
  () => ({}),
  ({ state }, agent, delivery) => ack(state, agent, delivery),
)

/** Several acks at once, each with its own result. */
const ackingMany = act(
  'messages.ack of many',
  fc.record({ agent: someone, which: fc.uniqueArray(number, { minLength: 1, maxLength: 4 }) }),
  async (play, { agent: index, which }) => {
    const { state } = play
    const agent = agentOf(play, index)
    const own = state.deliveries.filter(({ message }) => message.to === agent && !message.purged)
    const chosen = [...new Set(which.flatMap((one) => pick(own, one) ?? []))]
    if (chosen.length === 0) return
    await play.call(agent, 'messages.ack', { acks: chosen.map(named) }, () => ({
      results: chosen.map((delivery) => ackOne(state, agent, delivery)),
    }))
  },
)

function ackOne(state: State, agent: Agent, delivery: Delivery): object {
  try {
    return { ...ack(state, agent, delivery), error: null }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { messageId: delivery.message.id, status: null, error: { code: error.code } }
  }
}

const naking = under(
  'messages.nak',
  fc.record({
    delayMs: maybe(fc.constantFrom(0, 7_000)),
    error: fc.constantFrom('no', 'never'),
    chance: fc.constantFrom(0, 0.25, 0.5, 0.75),
    idempotencyKey: key,
  }),
  ({ chance: _, ...input }) => input,
  ({ state, world }, caller, delivery, { delayMs, error, chance, idempotencyKey }) => {
    state.chance = chance
    world.site.clock.chance = chance
    const input = { ...named(delivery), delayMs, error }
    return once(state, { caller, path: 'nak', key: idempotencyKey, input }, () =>
      nak(state, caller, delivery, { delayMs, error }),
    )
  },
)

const terming = under(
  'messages.term',
  fc.constantFrom('bad', 'worse'),
  (error) => ({ error }),
  ({ state }, agent, delivery, error) => term(state, agent, delivery, error),
)

const busying = under(
  'messages.inProgress',
  fc.constantFrom(...ackWaits),
  (ackWaitMs) => ({ ackWaitMs }),
  ({ state }, agent, delivery, ackWaitMs) => inProgress(state, agent, delivery, ackWaitMs),
)

const subscribing = act(
  'messages.subscribe',
  fc.record({ agent: someone, topic: fc.constantFrom(...topics), wanted: fc.boolean() }),
  async (play, { agent: index, topic, wanted }) => {
    const agent = agentOf(play, index)
    await play.call(agent, wanted ? 'messages.subscribe' : 'messages.unsubscribe', { topic }, () =>
      subscribe(play.state, agent, topic, wanted),
    )
  },
)

const deadOf = (play: Play): Message[] =>
  play.state.messages.filter(({ status, purged }) => status === 'dead' && !purged)

const redriving = act(
  'deadLetters.redrive',
  fc.record({ which: fc.array(number, { minLength: 1, maxLength: 3 }), to: maybe(someone) }),
  async (play, { which, to }) => {
    const chosen = [
      ...new Set(
        which.flatMap(
          (index) =>
            pick(
              play.state.messages.filter(({ purged }) => !purged),
              index,
            ) ?? [],
        ),
      ),
    ]
    if (chosen.length === 0) return
    const target = to === undefined ? undefined : agentOf(play, to)
    const input = given({ filter: { messageIds: chosen.map(({ id }) => id) }, to: target?.id })
    const dead = deadOf(play).filter((message) => chosen.includes(message))
    await play.call(undefined, 'messages.deadLetters.redrive', input, () =>
      redrive(play.state, undefined, dead, target),
    )
  },
)

const purging = act('deadLetters.purge', fc.option(someone, { nil: undefined }), async (play, to) => {
  const agent = to === undefined ? undefined : agentOf(play, to)
  const dead = deadOf(play).filter((message) => agent === undefined || message.to === agent)
  const input = given({ filter: { to: agent?.id } })
  await play.call(undefined, 'messages.deadLetters.purge', input, () => purge(play.state, undefined, dead))
})

const passing = act('advance', fc.constantFrom(500, 1_000, 4_000, 31_000, 120_000), (play, ms) => play.advance(ms))

/** The time to ack is over, and the recipient calls before any sweep has seen it. */
const late = act(
  'late',
  fc.record({ which: number, how: fc.constantFrom('ack', 'nak', 'inProgress', 'term') }),
  async (play, { which, how }) => {
    const { state } = play
    const current = state.deliveries.filter((one) => one.message.status === 'delivered' && one.message.delivery === one)
    const delivery = pick(current, which)
    if (!delivery || play.nextDue() !== delivery.ackBy) return
    const agent = delivery.message.to
    const since = play.skipTo(delivery.ackBy)
    const inputs = { ack: {}, nak: { error: 'late' }, term: { error: 'late' }, inProgress: { ackWaitMs: 5_000 } }
    const predict = {
      ack: () => ack(state, agent, delivery),
      nak: () => nak(state, agent, delivery, { delayMs: undefined, error: 'late' }),
      term: () => term(state, agent, delivery, 'late'),
      inProgress: () => inProgress(state, agent, delivery, 5_000),
    }
    await play.call(agent, `messages.${how}`, { ...named(delivery), ...inputs[how] }, predict[how])
    play.agree(`late ${how}`)
    await play.sweep(since)
  },
)

export const messageCommands = [
  sending,
  sending,
  sendingMany,
  ackingMany,
  pausing,
  receiving,
  receiving,
  acking,
  naking,
  passing,
  late,
  terming,
  busying,
  subscribing,
  redriving,
  purging,
]
