/** Every rule, and its meaning when it is broken. */
export const rules = {
  'history-malformed': 'a line or an operation of a history cannot be read',

  'completed-once': 'a task was completed more than once',
  'completion-lost': 'a completion was acknowledged, but the task is not completed',
  'completion-unknown': 'a task is completed without a completion by a client',
  'completion-attempt': 'a completion is recorded for another attempt or agent than the one that made it',
  'started-before-dependency': 'a task was claimed before a dependency was completed',
  'open-deps-wrong': 'the open dependencies of a task are miscounted',
  'lease-overlap': 'a task was claimed while another lease on it was open',
  'stale-event': 'a lease that was no longer the newest changed its task',
  'attempts-not-dense': 'the attempts of a task are not 1, 2, 3 … up to the one in its row',
  'lease-handed-twice': 'one attempt was claimed by two clients or has two tokens',
  'stale-write': 'a write was accepted under a lease that had been replaced or completed before the write was sent',
  'task-status': 'a task has a status that does not exist',
  'task-unfinished': 'a task has not ended',
  'terminal-events': 'the event of the end of a task is absent, repeated or of another status',
  'claimed-after-end': 'a task was claimed after it had ended',
  'ended-but-ready': 'a task that has ended can still be claimed',

  'lock-overlap': 'two tasks held locks at the same time that exclude each other',
  'lock-kept': 'a lock is held by a task without a lease, or the locks of a task are miscounted',
  'completed-unverified': 'a task that needs a verification was completed without a submission',
  'verified-by-its-worker': 'a task was accepted by the agent that had completed it',
  'claimed-while-paused': 'a task was claimed by a paused agent, of a paused epic or in a paused project',
  'claimed-without-answer': 'a task was claimed while it waited for an answer or a verdict',
  'reopened-unfailed': 'a task that had not failed was retried',
  'operator-event': 'an acknowledged change by an operator has no event',

  'message-lost': 'an acknowledged message is not stored exactly once',
  'message-altered': 'a stored message differs from its send',
  'message-phantom': 'a stored message has no send',
  'failed-send-stored': 'a message is stored although its send was refused',
  'key-two-messages': 'one send yielded two messages',
  'message-two-keys': 'two sends have the same message as their reply',
  'payload-changed': 'a message was delivered with another payload than that of its send',
  'ack-lost': 'an ack was acknowledged, but the message is not acked',
  'ack-unknown': 'a message is acked without an ack by a client',
  'acked-twice': 'a message was acked under two receipts or by two clients',
  'delivered-after-ack': 'a message was delivered again although its ack was accepted',
  'stale-receipt': 'an ack or nak was accepted under a receipt that a newer delivery had replaced',
  'delivery-unknown': 'a message was delivered that is not stored',
  misdelivered: 'a message was delivered to the wrong agent',
  'max-deliver-exceeded': 'a message was delivered more often than maxDeliver',
  'dead-without-history': 'a dead letter lacks its failed deliveries or its event',
  'redrive-alone': 'a message was redriven that was not dead, or its redrives are miscounted',
  'message-status': 'a message has a status that does not exist, or the statuses do not add up',

  'conservation-broken': 'the counters of an inbox differ from its messages',
  'rollup-wrong': 'the number of tasks in a status is miscounted',

  'feed-not-dense': 'the log has a gap, or its head is not the number of events',
  'watcher-gap': 'a watcher missed events',
  'watcher-repeat': 'a watcher received an event twice',
  'watcher-mismatch': 'a watcher received an event that differs from the log',
  'watcher-behind': 'a watcher did not reach the head of the log',

  'claim-event': 'a lease has no event of its claim',
  'completion-event': 'an acknowledged completion has not exactly one event',
  'fail-event': 'an acknowledged failure without its event',
  'release-event': 'an acknowledged release without its event',
  'sent-event': 'a message has not exactly one event of its sending',
  'ack-event': 'an acked message has not exactly one event of its ack',
  'nak-event': 'an acknowledged nak without its event',
} as const

export type Rule = keyof typeof rules

export interface Violation {
  rule: string
  message: string
  evidence: unknown
}

export const violation = (rule: Rule, subject: string, evidence: unknown): Violation => ({
  rule,
  message: `${subject}: ${rules[rule]}`,
  evidence,
})
