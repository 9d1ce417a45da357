import * as shapes from '@tony/mcp-shared/messages'
import { ackMessage } from '../operations/messages/ack.ts'
import { getMessage } from '../operations/messages/get.ts'
import { markInProgress } from '../operations/messages/in-progress.ts'
import { openInbox } from '../operations/messages/inbox.ts'
import { listMessages } from '../operations/messages/list.ts'
import { nakMessage } from '../operations/messages/nak.ts'
import { receiveMessages } from '../operations/messages/receive.ts'
import { sendMessage } from '../operations/messages/send.ts'
import { sendManyMessages } from '../operations/messages/send-many.ts'
import { subscribeTopic } from '../operations/messages/subscribe.ts'
import { termMessage } from '../operations/messages/term.ts'
import { getMessageThread } from '../operations/messages/thread.ts'
import { unsubscribeTopic } from '../operations/messages/unsubscribe.ts'
import { deadLettersRouter } from './dead-letters.ts'
import { mutation, query, router, subscription } from './procedure.ts'

export const messagesRouter = router({
  send: mutation(
    { permission: 'messages:send', input: shapes.messageSendInput, output: shapes.messageSendOutput },
    sendMessage,
  ),
  sendMany: mutation(
    {
      permission: 'messages:send',
      cost: 10,
      lane: 'bulk',
      input: shapes.messageSendManyInput,
      output: shapes.messageSendManyOutput,
    },
    sendManyMessages,
  ),
  inbox: subscription(
    { permission: 'messages:receive', cost: 2, input: shapes.messageInboxInput, output: shapes.delivery },
    openInbox,
  ),
  receive: mutation(
    {
      permission: 'messages:receive',
      cost: 2,
      // The messages of a lost reply are redelivered, so an error would not help the caller.
      repeatable: true,
      input: shapes.messageReceiveInput,
      output: shapes.messageReceiveOutput,
    },
    receiveMessages,
  ),
  ack: mutation(
    {
      permission: 'messages:receive',
      repeatable: true,
      lane: 'urgent',
      input: shapes.messageAckInput,
      output: shapes.messageAckOutput,
    },
    ackMessage,
  ),
  nak: mutation(
    {
      permission: 'messages:receive',
      lane: 'urgent',
      input: shapes.messageNakInput,
      output: shapes.messageTransitionOutput,
    },
    nakMessage,
  ),
  term: mutation(
    {
      permission: 'messages:receive',
      lane: 'urgent',
      input: shapes.messageTermInput,
      output: shapes.messageTransitionOutput,
    },
    termMessage,
  ),
  inProgress: mutation(
    {
      permission: 'messages:receive',
      repeatable: true,
      lane: 'urgent',
      input: shapes.messageInProgressInput,
      output: shapes.messageInProgressOutput,
    },
    markInProgress,
  ),
  subscribe: mutation(
    {
      permission: 'messages:receive',
      repeatable: true,
      input: shapes.messageSubscribeInput,
      output: shapes.messageSubscribeOutput,
    },
    subscribeTopic,
  ),
  unsubscribe: mutation(
    {
      permission: 'messages:receive',
      repeatable: true,
      input: shapes.messageSubscribeInput,
      output: shapes.messageSubscribeOutput,
    },
    unsubscribeTopic,
  ),
  get: query({ permission: 'messages:read', input: shapes.messageGetInput, output: shapes.message }, getMessage),
  list: query(
    { permission: 'messages:read', cost: 2, input: shapes.messageListInput, output: shapes.messageListOutput },
    listMessages,
  ),
  thread: query(
    { permission: 'messages:read', cost: 2, input: shapes.messageThreadInput, output: shapes.messageListOutput },
    getMessageThread,
  ),
  deadLetters: deadLettersRouter,
})
