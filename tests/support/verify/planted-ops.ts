import { type PlantedEvent, type PlantedOp, seqOf } from './planted.ts'

export const lease = (taskId: string, attempt: number) => ({ taskId, leaseToken: `${taskId}-${attempt}` })

export const handed = (id: string, attempt: number) => ({
  tasks: [{ id, attempt, leaseToken: `${id}-${attempt}`, leaseExpiresAt: '2026-01-01T00:00:30.000Z' }],
})

export const claim = (client: string, t: number, id: string, attempt: number): PlantedOp[] => [
  { client, f: 'claim', t, type: 'ok', in: { limit: 1 }, out: handed(id, attempt) },
  { client, f: 'start', t: t + 2, type: 'note', out: { taskId: id, attempt } },
]

export const write = (
  client: string,
  f: string,
  t: number,
  id: string,
  attempt: number,
  status: string,
): PlantedOp => ({
  client,
  f,
  t,
  type: 'ok',
  in: lease(id, attempt),
  out: { taskId: id, status },
})

export const send = (key: string, to: string, t: number): PlantedOp => ({
  client: 'tony',
  f: 'send',
  t,
  type: 'ok',
  in: { key, to, type: 'note', payloadHash: `hash-${key}` },
})

export const deliver = (client: string, t: number, messageId: string, attempt: number, key: string): PlantedOp => ({
  client,
  f: 'deliver',
  t,
  type: 'note',
  out: { messageId, receipt: `${messageId}-${attempt}`, attempt, payloadHash: `hash-${key}`, agentId: `${client}-id` },
})

export const settle = (
  client: string,
  f: string,
  t: number,
  messageId: string,
  attempt: number,
  status: string,
): PlantedOp => ({
  client,
  f,
  t,
  type: 'ok',
  in: { messageId, receipt: `${messageId}-${attempt}` },
  out: { messageId, status },
})

/** Returns an operator's call, with the changes that a bulk verb reports. */
export const change = (
  f: string,
  t: number,
  input: Record<string, unknown>,
  out: Record<string, unknown> = {},
): PlantedOp => ({ client: 'tony', f, t, type: 'ok', in: input, out })

/** Returns a delivery after a redrive: its count starts at one, and its receipt is another one. */
export function redelivered(client: string, t: number, messageId: string, attempt: number, key: string): PlantedOp {
  const first = deliver(client, t, messageId, attempt, key)
  return { ...first, out: { ...first.out, receipt: `${messageId}-again-${attempt}`, redrives: 1 } }
}

export const one = (agentId: string, messageId: string) => ({ id: messageId, recipients: [{ agentId, messageId }] })

export const of = (word: string, id: string, attempt: number, agent: string): PlantedEvent => ({
  type: `task.${word}`,
  subject: id,
  actor: agent,
  data: { attempt, agentId: agent },
})

/** A change of a task's status by the source of its plan. */
export const bySource = (word: string, id: string, attempt: number): PlantedEvent => ({
  type: `task.${word}`,
  subject: id,
  actor: 'tony-id',
  data: { attempt, agentId: null, imported: true },
})

export const sent = (id: string): PlantedEvent => ({
  type: 'message.sent',
  subject: id,
  actor: 'tony-id',
  data: { messageId: id },
})

/** Returns the records of a watcher that reads the whole log and is restarted halfway. */
export const sightings = (log: readonly PlantedEvent[]): PlantedOp[] => {
  const seen = log.map(
    (event, index): PlantedOp => ({
      client: index < 10 ? 'wall-a' : 'wall-b',
      f: 'event',
      t: 1_000 + index,
      type: 'note',
      out: { watcher: 'wall', seq: seqOf(event, index), type: event.type, subject: event.subject },
    }),
  )
  const begin = (client: string, t: number, from: number): PlantedOp => ({
    client,
    f: 'watch',
    t,
    type: 'note',
    out: { watcher: 'wall', from },
  })
  return [begin('wall-b', 1_009, 10), begin('wall-a', 999, 0), ...seen]
}
