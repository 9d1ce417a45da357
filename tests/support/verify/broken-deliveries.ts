import { type Broken, drop, eventOf, messageOf, opAt } from './broken-story.ts'
import { deliver, settle } from './planted-ops.ts'

export const brokenDeliveries: readonly Broken[] = [
  {
    what: 'another payload than the one sent',
    rules: ['payload-changed'],
    bend: (story) => story.ops.push(deliver('ada', 540, 'm3', 1, 'k1')),
  },
  {
    what: 'the payload of a send that was refused in place of the one sent',
    rules: ['payload-changed'],
    bend: (story) => story.ops.push(deliver('ada', 540, 'm3', 1, 'k3')),
  },
  {
    what: 'the payload of another send in place of one whose reply was lost',
    rules: ['payload-changed'],
    bend: (story) => story.ops.push(deliver('bob', 519, 'm2', 1, 'k1')),
  },
  {
    what: 'an acknowledged ack that is not stored',
    rules: ['ack-lost'],
    bend: (story) => {
      Object.assign(messageOf(story, 'm1'), { status: 'pending' })
      drop(story, 'message.acked', 'm1')
    },
  },
  {
    what: 'a message acked although its only ack was refused',
    rules: ['ack-unknown'],
    bend: (story) => Object.assign(opAt(story, 521), { type: 'fail' }),
  },
  {
    what: 'a message acked under two receipts',
    rules: ['acked-twice'],
    bend: (story) => story.ops.push(settle('ada', 'ack', 515, 'm1', 9, 'acked')),
  },
  {
    what: 'a message acked by two clients',
    rules: ['acked-twice'],
    bend: (story) => story.ops.push(settle('bob', 'ack', 515, 'm1', 2, 'acked')),
  },
  {
    what: 'a delivery after the ack',
    rules: ['delivered-after-ack'],
    bend: (story) => story.ops.push(deliver('ada', 520, 'm1', 3, 'k1')),
  },
  {
    what: 'a delivery counted after the ack',
    rules: ['delivered-after-ack'],
    bend: (story) => Object.assign(messageOf(story, 'm1'), { retry_count: 3 }),
  },
  {
    what: 'a nak under the receipt of an earlier delivery',
    rules: ['stale-receipt'],
    bend: (story) => story.ops.push(settle('ada', 'nak', 515, 'm1', 1, 'pending')),
  },
  {
    what: 'an ack under the receipt of an earlier delivery',
    rules: ['stale-receipt'],
    bend: (story) => Object.assign(opAt(story, 511), settle('ada', 'ack', 512, 'm1', 1, 'acked')),
  },
  {
    what: 'the delivery of a message that is not stored',
    rules: ['delivery-unknown'],
    bend: (story) => story.ops.push(deliver('ada', 540, 'm9', 1, 'k1')),
  },
  {
    what: 'a message in the inbox of another agent',
    rules: ['misdelivered'],
    bend: (story) => story.ops.push(deliver('bob', 540, 'm3', 1, 'k4')),
  },
  {
    what: 'a delivery addressed to another agent than its reader',
    rules: ['misdelivered'],
    bend: (story) => story.ops.push({ ...deliver('ada', 540, 'm3', 1, 'k4'), client: 'bob' }),
  },
  {
    what: 'one delivery too many',
    rules: ['max-deliver-exceeded'],
    bend: (story) => story.ops.push(deliver('bob', 540, 'm4', 2, 'k4')),
  },
  {
    what: 'one counted delivery too many',
    rules: ['max-deliver-exceeded'],
    bend: (story) => Object.assign(messageOf(story, 'm4'), { retry_count: 2 }),
  },
  {
    what: 'a dead letter without its failed deliveries',
    rules: ['dead-without-history'],
    bend: (story) => story.failures.pop(),
  },
  {
    what: 'a dead letter without its event',
    rules: ['dead-without-history'],
    bend: (story) => drop(story, 'message.dead', 'm4'),
  },
  {
    what: 'a message with a status that does not exist',
    rules: ['conservation-broken', 'message-status'],
    bend: (story) => Object.assign(messageOf(story, 'm3'), { status: 'odd' }),
  },
  {
    what: 'an ack that is in the log twice',
    rules: ['ack-event'],
    bend: (story) => story.events.push(eventOf(story, 'message.acked', 'm1')),
  },
  {
    what: 'an acknowledged nak that is not in the log',
    rules: ['nak-event'],
    bend: (story) => drop(story, 'message.nacked', 'm1'),
  },
]
