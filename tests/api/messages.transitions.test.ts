import type { Client } from '@tony/mcp-client'
import {
  type MessageStatus,
  type MessageTransition,
  messageStatuses,
  messageTransitions,
} from '@tony/mcp-shared/messages'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { receiptOf, receiveOne, rows } from './given.ts'

interface Given {
  readonly ttlMs?: number
  readonly ackWaitMs?: number
  readonly maxDeliver?: number
}

let server: TestServer
let lead: Client
let agents = 0

beforeAll(async () => {
  server = await TestServer.start({ limits: { pingMs: 1e12 } })
  lead = server.connect()
})
afterAll(() => server[Symbol.asyncDispose]())

interface World {
  readonly bob: Client
  readonly eve: Client
  readonly messageId: string
  /** The receipt of the last delivery; without a delivery, a receipt that never existed. */
  receipt: string
}

/**
 * The steps that bring a message into each status, with the receipt of its last delivery if there
 * is one.
 */
const arrivals: Readonly<Record<MessageStatus, (world: World, given: Given) => Promise<void>>> = {
  pending: async (world) => {
    await arrivals.delivered(world, {})
    await world.bob.messages.nak({ ...current(world), delayMs: 0 })
    await server.sweep()
  },
  delivered: async (world, { ackWaitMs = 600_000 }) => {
    world.receipt = receiptOf(await receiveOne(world.bob, { ackWaitMs })).receipt
  },
  acked: async (world) => {
    await arrivals.delivered(world, {})
    await world.bob.messages.ack(current(world))
  },
  dead: async (world) => {
    await arrivals.delivered(world, {})
    await world.bob.messages.term(current(world))
  },
  expired: async (world) => {
    await arrivals.pending(world, {})
    await server.advance(1_000)
  },
}

const current = ({ messageId, receipt }: World) => ({ messageId, receipt })

async function standing(status: MessageStatus, given: Given): Promise<World> {
  agents += 1
  const [bob, eve] = [await server.agent(`bob ${agents}`), await server.agent(`eve ${agents}`)]
  const time = status === 'expired' ? { ttlMs: 1_000 } : {}
  const { ackWaitMs: _, ...sent } = given
  const { id } = await lead.messages.send({ to: bob.id, type: 'note', payload: 1, ...sent, ...time })
  const world = { bob, eve, messageId: id, receipt: 'none so far' }
  await arrivals[status](world, given)
  expect((await lead.messages.get({ messageId: id })).status).toBe(status)
  return world
}

/** Returns everything the database has of the message: its row, its failures and its events. */
const traces = ({ messageId }: World) => [
  rows(server, 'SELECT * FROM messages WHERE id = ?', messageId),
  rows(server, 'SELECT * FROM delivery_failures WHERE message_id = ?', messageId),
  rows(server, 'SELECT type, data FROM event_log WHERE subject = ?', messageId),
]

const statusIn = async ({ messageId }: World) => (await lead.messages.get({ messageId })).status

type ByReceipt = 'ack' | 'nak' | 'term' | 'inProgress'

/** The transitions that need a receipt. */
const receipted: Readonly<Record<ByReceipt, MessageTransition>> = {
  ack: 'ack',
  nak: 'nak',
  term: 'term',
  inProgress: 'inProgress',
}

const states = messageStatuses.map((status) => ({ status }))

describe.each(Object.entries(receipted) as [ByReceipt, MessageTransition][])('%s', (verb, move) => {
  const { from, to } = messageTransitions[move]
  const legal = (status: MessageStatus) => from.some((one) => one === status)
  // All other parameters have their defaults, so the receipt alone decides.
  const call = (who: Client, receipt: { messageId: string; receipt: string }) => who.messages[verb](receipt)

  test.each(states)('of a $status message by the receipt of its last delivery', async ({ status }) => {
    const world = await standing(status, {})
    const before = traces(world)
    if (legal(status)) {
      await call(world.bob, current(world))
      expect(await statusIn(world)).toBe(to)
    } else if (verb === 'ack' && status === 'acked') {
      expect(await world.bob.messages.ack(current(world))).toEqual({ messageId: world.messageId, status: 'acked' })
      expect(traces(world)).toEqual(before)
    } else {
      const refused = await refusal(call(world.bob, current(world)))
      expect(refused).toMatchObject({ code: 'STALE_RECEIPT', applied: 'no', details: { status, attempt: 1 } })
      expect(traces(world)).toEqual(before)
    }
    expect(miscountsBy((sql) => server.query(sql))).toEqual([])
  })

  test.each(states)('of a $status message by another receipt changes nothing', async ({ status }) => {
    const world = await standing(status, {})
    const before = traces(world)
    const refused = await refusal(call(world.bob, { ...current(world), receipt: 'another' }))
    expect(refused).toMatchObject({ code: 'STALE_RECEIPT', applied: 'no', details: { status } })
    expect(traces(world)).toEqual(before)
  })

  test.each(states)('of a $status message of another agent changes nothing', async ({ status }) => {
    const world = await standing(status, {})
    const before = traces(world)
    const refused = await refusal(call(world.eve, current(world)))
    expect(refused).toMatchObject({ code: 'NOT_FOUND', applied: 'no', details: undefined })
    expect(traces(world)).toEqual(before)
  })
})

interface Other {
  readonly given: Given
  readonly make: (world: World) => Promise<unknown>
}

const passing = (ms: number) => () => server.advance(ms)
const chosen = ({ messageId }: World) => ({ filter: { messageIds: [messageId] } })

/**
 * The transitions without a receipt: those of the server itself and of a tech lead. `answer`
 * belongs to requests.
 */
const others: Readonly<Record<Exclude<MessageTransition, ByReceipt | 'answer'>, Other>> = {
  deliver: { given: {}, make: (world) => world.bob.messages.receive({}) },
  redeliver: { given: { ackWaitMs: 1_000 }, make: passing(1_000) },
  bury: { given: { ackWaitMs: 1_000, maxDeliver: 1 }, make: passing(1_000) },
  expire: { given: { ttlMs: 5_000 }, make: passing(5_000) },
  redrive: { given: {}, make: (world) => lead.messages.deadLetters.redrive(chosen(world)) },
}

describe.each(Object.entries(others) as [keyof typeof others, Other][])('%s', (move, { given, make }) => {
  const { from, to } = messageTransitions[move]

  test.each(states)('of a $status message', async ({ status }) => {
    // A message with one delivery is dead after it and cannot be pending again.
    const { maxDeliver: _, ...more } = given
    const world = await standing(status, status === 'delivered' ? given : more)
    const before = traces(world)
    await make(world)
    if (from.some((one) => one === status)) expect(await statusIn(world)).toBe(to)
    else expect(traces(world)).toEqual(before)
    expect(miscountsBy((sql) => server.query(sql))).toEqual([])
  })
})

test.each(states)('purging a $status message deletes it only if it is dead', async ({ status }) => {
  const world = await standing(status, {})
  const before = traces(world)
  const { purged } = await lead.messages.deadLetters.purge(chosen(world))
  expect(purged).toBe(status === 'dead' ? 1 : 0)
  if (status === 'dead') expect(traces(world).slice(0, 2)).toEqual([[], []])
  else expect(traces(world)).toEqual(before)
  expect(miscountsBy((sql) => server.query(sql))).toEqual([])
})
