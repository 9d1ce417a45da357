/** Every rule, and its meaning when it is broken. */
export const rules = {
  'history-malformed': 'a line or an operation of a history cannot be read',

  'completed-once': 'a task was completed ok more than once',
  'completion-lost': 'a completion was acknowledged, but the task is not completed',
  'completion-unknown': 'a task is completed, but nobody completed it',
  'completion-attempt': 'a completion is recorded for another attempt or agent than the one that made it',
  'started-before-dependency': 'a task was claimed before a dependency was completed',
  'open-deps-wrong': 'the open dependencies of a task are miscounted',
  'lease-overlap': 'a task was claimed while another lease on it was open',
  'stale-event': 'a lease that was no longer the newest changed its task',
  'attempts-not-dense': 'the attempts of a task are not 1, 2, 3 … up to the one in its row',
  'lease-handed-twice': 'one attempt was given to two clients or under two tokens',
  'stale-write': 'a write was accepted under a lease that had been replaced or completed before the write was sent',
  'task-status': 'a task has a status that does not exist',
  'task-unfinished': 'a task has not ended',
  'terminal-events': 'a task has not exactly the one ending its status says',
  'claimed-after-end': 'a task was claimed after it had ended',
  'ended-but-ready': 'a task that has ended can still be claimed',

  'lock-overlap': 'two tasks held locks at the same time that exclude each other',
  'lock-kept': 'a lock is held by a task without a lease, or the locks of a task are miscounted',
  'completed-unverified': 'a task that is to be verified was completed without having been submitted',
  'verified-by-its-worker': 'a task was accepted by the agent that had completed it',
  'claimed-while-paused': 'a task was claimed by a paused agent, of a paused epic or in a paused project',
  'claimed-without-answer': 'a task was claimed while it waited for an answer or a verdict',
  'reopened-unfailed': 'a task was given its attempts again without having failed',
  'operator-event': 'an acknowledged change by an operator without its event',

  'message-lost': 'an acknowledged message is not stored exactly once',
  'message-altered': 'a stored message differs from the one sent',
  'message-phantom': 'a stored message that nobody sent',
  'failed-send-stored': 'a message is stored although its send was refused',
  'key-two-messages': 'one send yielded two messages',
  'message-two-keys': 'two sends were answered with the same message',
  'payload-changed': 'a message was delivered with another payload than it was sent with',
  'ack-lost': 'an ack was acknowledged, but the message is not acked',
  'ack-unknown': 'a message is acked, but nobody acked it',
  'acked-twice': 'a message was acked under two receipts or by two clients',
  'delivered-after-ack': 'a message was delivered again although its ack was accepted',
  'stale-receipt': 'an ack or nak was accepted under a receipt that a newer delivery had replaced',
  'delivery-unknown': 'a message was delivered that is not stored',
  misdelivered: 'a message was delivered to the wrong agent',
  'max-deliver-exceeded': 'a message was delivered more often than it may be',
  'dead-without-history': 'a dead letter lacks its failed deliveries or its event',
  'redrive-alone': 'a message was redriven that was not dead, or its redrives are miscounted',
  'message-status': 'a message has a status that does not exist, or the statuses do not add up',

  'conservation-broken': 'the counters of a mailbox do not say what its messages are',
  'rollup-wrong': 'the number of tasks in a status is miscounted',

  'feed-not-dense': 'the log has a hole, or its head is not the number of events',
  'watcher-gap': 'a watcher missed events',
  'watcher-repeat': 'a watcher received an event again',
  'watcher-mismatch': 'a watcher received an event that is not the one in the log',
  'watcher-behind': 'a watcher did not reach the head of the log',

  'claim-event': 'a lease was handed out without its event',
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
