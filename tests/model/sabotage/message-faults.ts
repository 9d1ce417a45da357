import type { Fault } from './fault.ts'

const deliver = 'server/src/operations/messages/deliver.ts'
const giveBack = 'server/src/operations/messages/end-delivery.ts'
const receipt = 'server/src/operations/messages/receipt.ts'
const room = 'server/src/domain/messages/capacity.ts'
const redrive = 'server/src/operations/messages/dead-letters/redrive.ts'
const recipients = 'server/src/operations/messages/recipients.ts'

/** Faults that the model of messages must find. */
export const messageFaults: readonly Fault[] = [
  {
    name: 'any receipt is good while a message is delivered',
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
    name: 'a message that was not acked never comes again',
    file: 'server/src/sweeps/redeliver.ts',
    find: 'if (overdue.length === 0) return 0',
    replace: 'if (overdue.length < 99) return 0',
  },
  {
    name: 'one delivery too many before a message is dead',
    file: giveBack,
    find: '${t.messages.retryCount} >= ${t.messages.maxDeliver}',
    replace: '${t.messages.retryCount} > ${t.messages.maxDeliver}',
  },
  {
    name: 'the wait for the next delivery does not double',
    file: giveBack,
    find: 'backoff(sql`(${t.messages.retryCount} - 1)`, redeliveryPolicy)',
    replace: 'backoff(sql`0`, redeliveryPolicy)',
  },
  {
    name: 'a recipient has no say in when a message comes again',
    file: giveBack,
    find: 'coalesce(${p.delayMs}, cast(',
    replace: 'coalesce(nullif(${p.delayMs}, ${p.delayMs}), cast(',
  },
  {
    name: 'a nak is told as a return',
    file: giveBack,
    find: "reason === 'nak' ? 'message.nacked'",
    replace: "reason !== 'nak' ? 'message.nacked'",
  },
  {
    name: 'how a message died is not kept',
    file: giveBack,
    find: '  await recordFailure(tx, { messageId, redrives, attempt, reason, error })\n',
    replace: '',
  },
  {
    name: 'a term only sends back',
    file: giveBack,
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
    name: 'the youngest is delivered first',
    file: deliver,
    find: 'orderBy(q.t.messages.priority, q.t.messages.ord)',
    replace: 'orderBy(q.t.messages.priority, sql`-${q.t.messages.ord}`)',
  },
  {
    name: 'one more than may wait for its ack is delivered',
    file: deliver,
    find: 'const free = maxAckPending - (inFlight?.count ?? 0)',
    replace: 'const free = maxAckPending + 1 - (inFlight?.count ?? 0)',
  },
  {
    name: 'what is critical waits like the rest',
    file: deliver,
    find: 'priority === 0 ? free + criticalReserve',
    replace: 'priority < 0 ? free + criticalReserve',
  },
  {
    name: 'a message lives longer than it may',
    file: 'server/src/sweeps/expire-messages.ts',
    find: '      ? store.transact({ project }',
    replace: '      && project === ""\n      ? store.transact({ project }',
  },
  {
    name: 'a message has no end of its life',
    file: 'server/src/operations/messages/send.ts',
    find: 'ttlMs === undefined ? null : tx.now + ttlMs',
    replace: 'ttlMs === undefined ? null : null',
  },
  {
    name: 'a mailbox takes one message too many',
    file: room,
    find: '< maxPending - reserve',
    replace: '<= maxPending - reserve',
  },
  {
    name: 'the reserve is for everyone',
    file: room,
    find: 'priority === critical ? 0 : Math.floor(maxPending * criticalShare)',
    replace: '0',
  },
  {
    name: 'there is no reserve for what is critical',
    file: room,
    find: 'priority === critical ? 0 :',
    replace: 'priority < critical ? 0 :',
  },
  {
    name: 'a copy for a full mailbox is let in',
    file: 'server/src/domain/messages/enqueue.ts',
    find: 'const state = hasSpace\n',
    replace: "const state = hasSpace || whenFull === 'bury'\n",
  },
  {
    name: 'a fan-out comes to its sender too',
    file: recipients,
    find: '.filter((id) => id !== agent?.id)',
    replace: '',
  },
  {
    name: 'a role is everyone',
    file: recipients,
    find: 'role === undefined ? all',
    replace: "role !== '' ? all",
  },
  {
    name: 'a subscription that was taken back still counts',
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
    name: 'a redriven message does not count it',
    file: redrive,
    find: '${t.messages.redrives} + 1',
    replace: '${t.messages.redrives}',
  },
  {
    name: 'a redriven message goes where it was',
    file: redrive,
    find: '      toAgent: p.to,\n',
    replace: '',
  },
  {
    name: 'a redrive fills a mailbox beyond its limit',
    file: redrive,
    find: '(await hasCapacity(tx, { agentId: to, priority, maxPending })) ?',
    replace: '(await hasCapacity(tx, { agentId: to, priority, maxPending })) || to !== "" ?',
  },
  {
    name: 'what a slow recipient says does not count',
    file: 'server/src/operations/messages/in-progress.ts',
    find: 'set({ ackBy: q.p.ackBy })',
    replace: "set({ status: 'delivered' })",
  },
  {
    name: 'a paused agent is given messages',
    file: deliver,
    find: '(await admissionOf(tx, agentId)).paused',
    replace: '(await admissionOf(tx, agentId)).draining',
  },
]
