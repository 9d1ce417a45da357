import fc from 'fast-check'
import { type Act, act, agentOf, given, key, number, pick, seldom, weighted } from './acts.ts'
import { receive } from './deliveries.model.ts'
import { pausing } from './locks.commands.ts'
import { ack, inProgress, nak, purge, redrive, subscribe, term } from './messages.model.ts'
import type { Play } from './play.ts'
import { sending, sendingMany, someone, topics } from './sending.commands.ts'
import { type Agent, type Delivery, iso, type Message, once, Refusal, type State } from './state.ts'

const ackWaits = [1_000, 5_000, 30_000] as const

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

const deliveryPick = fc.record({ which: number, stale: fc.nat(4), foreign: fc.nat(9) })

function deliveryOf(play: Play, { which, stale, foreign }: { which: number; stale: number; foreign: number }) {
  const { deliveries, agents } = play.state
  const current = deliveries.filter((one) => one.message.status === 'delivered' && one.message.delivery === one)
  const delivery = pick(stale === 0 ? deliveries : current, which)
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

/** Acks several messages in one call. Each ack has its own result. */
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
    delayMs: seldom(fc.constantFrom(0, 7_000)),
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
  fc.record({ which: fc.array(number, { minLength: 1, maxLength: 3 }), to: seldom(someone) }),
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

/** The ack deadline has passed, and the recipient calls before a sweep has run. */
const late = act(
  'late',
  fc.record({ which: number, how: fc.constantFrom('ack', 'nak', 'inProgress', 'term') }),
  async (play, { which, how }) => {
    const { state } = play
    const current = state.deliveries.filter((one) => one.message.status === 'delivered' && one.message.delivery === one)
    const delivery = pick(current, which)
    if (!delivery || play.nextDue() !== delivery.ackBy) return
    const agent = delivery.message.to
    play.skipTo(delivery.ackBy)
    const inputs = { ack: {}, nak: { error: 'late' }, term: { error: 'late' }, inProgress: { ackWaitMs: 5_000 } }
    const predict = {
      ack: () => ack(state, agent, delivery),
      nak: () => nak(state, agent, delivery, { delayMs: undefined, error: 'late' }),
      term: () => term(state, agent, delivery, 'late'),
      inProgress: () => inProgress(state, agent, delivery, 5_000),
    }
    await play.call(agent, `messages.${how}`, { ...named(delivery), ...inputs[how] }, predict[how])
    await play.agree(`late ${how}`)
    await play.sweep()
  },
)

export const messageCommands = weighted(
  [6, sending],
  [2, sendingMany],
  [6, receiving],
  [4, acking],
  [1, ackingMany],
  [4, naking],
  [2, terming],
  [2, busying],
  [2, subscribing],
  [3, redriving],
  [1, purging],
  [1, pausing],
  [4, passing],
  [3, late],
)
