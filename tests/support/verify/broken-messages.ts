import { type Broken, drop, messageOf, sendOf, store } from './broken-story.ts'
import { deliver, one, send, sent } from './planted-ops.ts'

export const brokenMessages: readonly Broken[] = [
  {
    what: 'an acknowledged message that is not stored',
    rules: ['message-lost'],
    bend: (story) => {
      story.messages.splice(story.messages.indexOf(messageOf(story, 'm3')), 1)
      drop(story, 'message.sent', 'm3')
    },
  },
  {
    what: 'an acknowledged message stored twice',
    rules: ['message-lost'],
    bend: (story) => story.messages.push(messageOf(story, 'm3')),
  },
  {
    what: 'a message stored with another type',
    rules: ['message-altered'],
    bend: (story) => Object.assign(messageOf(story, 'm3'), { type: 'other' }),
  },
  {
    what: 'a message stored under another sender',
    rules: ['message-altered'],
    bend: (story) => Object.assign(messageOf(story, 'm3'), { from_agent: 'bob-id' }),
  },
  {
    what: 'a message stored for another agent',
    rules: ['message-altered'],
    bend: (story) => Object.assign(messageOf(story, 'm3'), { to_agent: 'bob-id' }),
  },
  {
    what: 'a broadcast with two copies for one agent',
    rules: ['message-altered'],
    bend: (story) => {
      const to = (messageId: string) => ({ agentId: 'ada-id', messageId })
      store(story, 'm5', 'ada-id')
      const recipients = [to('m3'), to('m5'), { ...to('m4'), agentId: 'bob-id' }]
      Object.assign(sendOf(story, 'k4'), { out: { id: 'body', recipients } })
    },
  },
  {
    what: 'a message without a send',
    rules: ['message-phantom'],
    bend: (story) => store(story, 'm5', 'ada-id'),
  },
  {
    what: 'the copies of a send to a role for agents that do not have it',
    rules: ['failed-send-stored', 'message-phantom'],
    bend: (story) => {
      const { in: input } = sendOf(story, 'k4')
      Object.assign(sendOf(story, 'k4'), { type: 'lost', in: { ...input, to: 'role:tech-lead' } })
      story.ops = story.ops.filter((op) => op.t !== 530)
    },
  },
  {
    what: 'a message whose send was refused',
    rules: ['failed-send-stored'],
    bend: (story) => store(story, 'm5', 'bob-id'),
  },
  {
    what: 'the delivery of a payload whose send was refused',
    rules: ['failed-send-stored'],
    bend: (story) => story.ops.push(deliver('bob', 519, 'm2', 1, 'k3')),
  },
  {
    what: 'one key answered with two messages',
    rules: ['key-two-messages'],
    bend: (story) => {
      store(story, 'm5', 'ada-id')
      Object.assign(sendOf(story, 'k1'), { type: 'ok', out: one('ada-id', 'm5') })
    },
  },
  {
    what: 'two keys answered with one message',
    rules: ['message-two-keys'],
    bend: (story) => story.ops.push({ ...send('k6', 'ada', 440), out: one('ada-id', 'm1') }),
  },
  {
    what: 'a send that is not in the log',
    rules: ['sent-event'],
    bend: (story) => drop(story, 'message.sent', 'm3'),
  },
  {
    what: 'a send that is in the log twice',
    rules: ['sent-event'],
    bend: (story) => story.events.push(sent('m3')),
  },
]
