import fc from 'fast-check'
import { act, agentOf, given, key, number, seldom } from './acts.ts'
import { type Address, addressOf, type MessageSpec, send } from './messages.model.ts'
import type { Play } from './play.ts'
import { type Caller, type Message, once, Refusal, type State } from './state.ts'

export const topics = ['t1', 't2'] as const

/** The first three agents get most of the messages, so that some inboxes are never empty. */
export const someone = fc.nat(3)

const specs = fc.record({
  to: fc.oneof(
    { weight: 5, arbitrary: fc.record({ agent: someone }) },
    { weight: 1, arbitrary: fc.record({ topic: fc.constantFrom(...topics) }) },
    { weight: 1, arbitrary: fc.record({ role: fc.constantFrom('developer', 'tester', 'observer') }) },
    { weight: 1, arbitrary: fc.constant('all' as const) },
  ),
  priority: fc.constantFrom<Message['priority'][]>('critical', 'high', 'normal', 'normal', 'low'),
  thread: seldom(fc.constantFrom('th1', 'th2')),
  maxDeliver: fc.constantFrom(1, 2, 5),
  ttlMs: seldom(fc.constantFrom(4_000, 60_000)),
  payload: fc.nat(1),
})
type GivenSpec = typeof specs extends fc.Arbitrary<infer T> ? T : never

function specOf(play: Play, { to, ...rest }: GivenSpec): MessageSpec {
  const address: Address = typeof to === 'object' && 'agent' in to ? agentOf(play, to.agent) : to
  return { ...rest, to: address, task: undefined }
}

const inputOf = ({ to, priority, payload, thread, maxDeliver, ttlMs }: MessageSpec): object =>
  given({ to: addressOf(to), type: 'note', payload, priority, threadId: thread, maxDeliver, ttlMs })

interface Sent {
  readonly id: string
  readonly recipients: readonly { readonly agentId: string; readonly messageId: string }[]
}
const isSent = (value: unknown): value is Sent => typeof value === 'object' && value !== null && 'recipients' in value

/** Gives the model the ids of the sent messages, and the receipts of those that were delivered. */
export function bindSent({ world }: Play, messages: readonly Message[], reply: unknown): void {
  if (!isSent(reply)) return
  for (const message of messages) {
    message.id = reply.recipients.find(({ agentId }) => agentId === message.to.id)?.messageId ?? ''
    if (message.delivery) message.delivery.receipt = world.pushed.get(message.id)?.receipt ?? ''
  }
}

/** The status in the reply of a send. A message that is delivered at once counts as pending. */
const acceptedAs = ({ status }: Message) => (status === 'dead' ? 'dead' : 'pending')

const recipientOf = ({ message: { to, id }, status }: { message: Message; status: string }) => ({
  agentId: to.id,
  status,
  ...(id === '' ? {} : { messageId: id }),
})

const byAgent = <T extends { agentId: string }>(recipients: readonly T[]): T[] =>
  recipients.toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))

const senderOf = (play: Play, index: number): Caller => (index > 50 ? undefined : agentOf(play, index))

export const sending = act(
  'messages.send',
  fc.record({ from: number, spec: specs, idempotencyKey: key }),
  async (play, { from, spec: wanted, idempotencyKey }) => {
    const { state } = play
    const caller = senderOf(play, from)
    const spec = specOf(play, { ...wanted })
    const input = inputOf(spec)
    let sent: Message[] = []
    const reply = await play.call(caller, 'messages.send', { ...input, ...given({ idempotencyKey }) }, () => {
      const first = once(state, { caller, path: 'send', key: idempotencyKey, input }, () => {
        sent = send(state, caller, spec)
        // The first reply is repeated with the status at the time of the send, even if the messages
        // have changed since.
        return sent.map((message) => ({ message, status: acceptedAs(message) }))
      })
      return { recipients: byAgent(first.map(recipientOf)) }
    })
    if (reply.ok) bindSent(play, sent, reply.value)
  },
)

interface SentMany {
  readonly results: readonly { readonly sent: unknown }[]
}
const isSentMany = (value: unknown): value is SentMany =>
  typeof value === 'object' && value !== null && 'results' in value

/** Sends one message of a batch. The others do not affect its result. */
function sendOne(state: State, caller: Caller, spec: MessageSpec): { messages: Message[]; view: object } {
  try {
    const messages = send(state, caller, spec)
    const recipients = byAgent(messages.map((message) => recipientOf({ message, status: acceptedAs(message) })))
    return { messages, view: { sent: { recipients }, error: null } }
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'FORBIDDEN') throw error
    return { messages: [], view: { sent: null, error: { code: error.code } } }
  }
}

async function sendAll(play: Play, caller: Caller, batch: readonly MessageSpec[]): Promise<void> {
  let sent: Message[][] = []
  const reply = await play.call(caller, 'messages.sendMany', { messages: batch.map(inputOf) }, () => {
    const outcomes = batch.map((spec) => sendOne(play.state, caller, spec))
    sent = outcomes.map(({ messages }) => messages)
    return { results: outcomes.map(({ view }) => view) }
  })
  if (!reply.ok || !isSentMany(reply.value)) return
  for (const [index, messages] of sent.entries()) bindSent(play, messages, reply.value.results[index]?.sent)
}

export const sendingMany = act(
  'messages.sendMany',
  fc.record({ from: number, wanted: fc.array(specs, { minLength: 1, maxLength: 9 }) }),
  async (play, { from, wanted }) => {
    const caller = senderOf(play, from)
    const batch = wanted.map((one) => specOf(play, one))
    await sendAll(play, caller, batch)
  },
)

/** Opens the inbox of the second agent for sends. */
export async function openInbox({ state, world }: Play): Promise<void> {
  const agent = state.agents[1]
  if (!agent) return
  state.openInbox = { agent, maxAckPending: 3, ackWaitMs: 5_000 }
  await world.openInbox(state.openInbox)
}

/** Sends messages to the first agent in one batch, so that its inbox is almost full. */
export async function fill(play: Play, count: number): Promise<void> {
  const plain = { priority: 'normal', thread: undefined, maxDeliver: 2, ttlMs: undefined, payload: 0 } as const
  const batch = Array.from({ length: count }, () => specOf(play, { ...plain, to: { agent: 0 } }))
  await sendAll(play, undefined, batch)
  await play.agree('messages.sendMany')
}
