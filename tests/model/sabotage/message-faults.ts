import type { Fault } from './fault.ts'

const deliver = 'server/src/operations/messages/deliver.ts'
const endDelivery = 'server/src/operations/messages/end-delivery.ts'
const receipt = 'server/src/operations/messages/receipt.ts'
const room = 'server/src/domain/messages/capacity.ts'
const redrive = 'server/src/operations/messages/dead-letters/redrive.ts'
const atSend = 'server/src/domain/messages/deliver-at-send.ts'
const recipients = 'server/src/operations/messages/recipients.ts'

/** Faults that the model of messages must find. */
export const messageFaults: readonly Fault[] = [
  {
    name: 'any receipt is accepted while a message is delivered',
    file: receipt,
    find: '    eq(t.messages.receipt, p.receipt),\n',
    replace: '',
  },
  {
    name: 'anyone may ack',
    file: receipt,
    find: '    eq(t.messages.toAgent, p.agentId),\n    eq(t.messages.receipt',
    replace: '    eq(t.messages.receipt',
  },
  {
    name: 'a message without an ack is never redelivered',
    file: 'server/src/sweeps/redeliver.ts',
    find: 'if (overdue.length === 0) return 0',
    replace: 'if (overdue.length < 99) return 0',
  },
  {
    name: 'a message has one delivery too many before it is dead',
    file: endDelivery,
    find: '${t.messages.retryCount} >= ${t.messages.maxDeliver}',
    replace: '${t.messages.retryCount} > ${t.messages.maxDeliver}',
  },
  {
    name: 'the backoff of a message does not double',
    file: endDelivery,
    find: 'backoffMsSql(sql`(${t.messages.retryCount} - 1)`, redeliveryPolicy)',
    replace: 'backoffMsSql(sql`0`, redeliveryPolicy)',
  },
  {
    name: 'the delay of a nak is ignored',
    file: endDelivery,
    find: 'coalesce(${p.delayMs}, cast(',
    replace: 'coalesce(nullif(${p.delayMs}, ${p.delayMs}), cast(',
  },
  {
    name: 'a nak is reported as an ack timeout',
    file: endDelivery,
    find: "reason === 'nak' ? 'message.nacked'",
    replace: "reason !== 'nak' ? 'message.nacked'",
  },
  {
    name: 'the failures of a dead letter are not stored',
    file: endDelivery,
    find: '  await recordDeliveryFailure(tx, { messageId, redrives, attempt, reason, error })\n',
    replace: '',
  },
  {
    name: 'a term only redelivers',
    file: endDelivery,
    find: "set({ status: 'dead', receipt: null, ackBy: null, endedAt",
    replace: "set({ status: 'pending', receipt: null, ackBy: null, endedAt",
  },
  {
    name: 'a delivery does not count',
    file: deliver,
    find: '${t.messages.retryCount} + 1',
    replace: '${t.messages.retryCount} + 0',
  },
  {
    name: 'priority does not count in an inbox',
    file: deliver,
    find: 'orderBy(q.t.messages.priority, q.t.messages.ord)',
    replace: 'orderBy(q.t.messages.ord)',
  },
  {
    name: 'the newest message is delivered first',
    file: deliver,
    find: 'orderBy(q.t.messages.priority, q.t.messages.ord)',
    replace: 'orderBy(q.t.messages.priority, sql`-${q.t.messages.ord}`)',
  },
  {
    name: 'one delivery more than maxAckPending is made',
    file: deliver,
    find: 'const free = maxAckPending - (inFlight?.count ?? 0)',
    replace: 'const free = maxAckPending + 1 - (inFlight?.count ?? 0)',
  },
  {
    name: 'critical messages have no extra deliveries',
    file: deliver,
    find: 'priority === 0 ? free + criticalReserve',
    replace: 'priority < 0 ? free + criticalReserve',
  },
  {
    name: 'a message outlives its ttlMs',
    file: 'server/src/sweeps/expire-messages.ts',
    find: '      ? store.transact({ project }',
    replace: '      && project === ""\n      ? store.transact({ project }',
  },
  {
    name: 'a message never expires',
    file: 'server/src/operations/messages/send.ts',
    find: 'ttlMs === undefined ? null : tx.now + ttlMs',
    replace: 'ttlMs === undefined ? null : null',
  },
  {
    name: 'an inbox accepts one message too many',
    file: room,
    find: '< maxPending - reserve',
    replace: '<= maxPending - reserve',
  },
  {
    name: 'the reserve of an inbox accepts every message',
    file: room,
    find: 'priority === criticalRank ? 0 : Math.floor(maxPending * criticalShare)',
    replace: '0',
  },
  {
    name: 'an inbox has no reserve for critical messages',
    file: room,
    find: 'priority === criticalRank ? 0 :',
    replace: 'priority < criticalRank ? 0 :',
  },
  {
    name: 'a copy for a full inbox is accepted',
    file: 'server/src/domain/messages/enqueue.ts',
    find: 'const state: InitialState = hasSpace\n',
    replace: "const state: InitialState = hasSpace || whenFull === 'bury'\n",
  },
  {
    name: 'a fan-out includes its sender',
    file: recipients,
    find: '.filter((id) => id !== agent?.id)',
    replace: '',
  },
  {
    name: 'a role includes every agent',
    file: recipients,
    find: 'role === undefined ? all',
    replace: "role !== '' ? all",
  },
  {
    name: 'an ended subscription still counts',
    file: 'server/src/operations/messages/unsubscribe.ts',
    find: 'and(eq(t.subscriptions.agentId, p.agentId), eq(t.subscriptions.topic, p.topic))',
    replace: "and(eq(t.subscriptions.agentId, p.agentId), eq(t.subscriptions.topic, 'none'))",
  },
  {
    name: 'a redriven message keeps its deliveries',
    file: redrive,
    find: '      retryCount: 0,\n',
    replace: '',
  },
  {
    name: 'a redriven message does not count its redrive',
    file: redrive,
    find: '${t.messages.redrives} + 1',
    replace: '${t.messages.redrives}',
  },
  {
    name: 'a redriven message returns to its earlier inbox',
    file: redrive,
    find: '      toAgent: p.to,\n',
    replace: '',
  },
  {
    name: 'a redrive fills an inbox beyond its capacity',
    file: redrive,
    find: '(await reserveCapacity(tx, { agentId: to, priority, maxPending })) ?',
    replace: '(await reserveCapacity(tx, { agentId: to, priority, maxPending })) || to !== "" ?',
  },
  {
    name: 'messages.inProgress does not move the ack deadline',
    file: 'server/src/operations/messages/in-progress.ts',
    find: 'set({ ackBy: q.p.ackBy })',
    replace: "set({ status: 'delivered' })",
  },
  {
    name: 'a send delivers to a paused agent',
    file: atSend,
    find: ' || state.paused === 1',
    replace: '',
  },
  {
    name: 'a send delivers while an older message is pending',
    file: atSend,
    find: 'state.pending === 0 && ',
    replace: '',
  },
  {
    name: 'a send delivers one message more than maxAckPending',
    file: atSend,
    find: 'state.delivered < Math.min(maxAckPending, limits.unacked)',
    replace: 'state.delivered <= Math.min(maxAckPending, limits.unacked)',
  },
  {
    name: 'a delivery at a send does not count',
    file: atSend,
    find: 'retryCount: 1,',
    replace: 'retryCount: 0,',
  },
  {
    name: 'a delivery at a send has no ack deadline',
    file: atSend,
    find: 'ackBy: tx.now + inbox.ackWaitMs,',
    replace: 'ackBy: tx.now + 86_400_000,',
  },
  {
    name: 'a delivery at a send is pushed with another receipt',
    file: atSend,
    find: 'receipt: delivery.receipt,',
    replace: 'receipt: `${delivery.receipt}x`,',
  },
  {
    name: 'a paused agent gets messages',
    file: deliver,
    find: '(await admissionOf(tx, agentId)).paused',
    replace: '(await admissionOf(tx, agentId)).draining',
  },
]
