import * as shapes from '@tony/mcp-shared/messages'
import { ackMessage } from '../messages/ack.ts'
import { openInbox } from '../messages/inbox.ts'
import { nakMessage } from '../messages/nak.ts'
import { receiveMessages } from '../messages/receive.ts'
import { sendMessage } from '../messages/send.ts'
import { mutation, router, subscription } from './procedure.ts'

export const messages = router({
  send: mutation(
    { permission: 'messages:send', input: shapes.messageSendInput, output: shapes.messageSendOutput },
    sendMessage,
  ),
  inbox: subscription(
    { permission: 'messages:receive', cost: 2, input: shapes.messageInboxInput, output: shapes.delivery },
    openInbox,
  ),
  receive: mutation(
    { permission: 'messages:receive', cost: 2, input: shapes.messageReceiveInput, output: shapes.messageReceiveOutput },
    receiveMessages,
  ),
  ack: mutation(
    {
      permission: 'messages:receive',
      repeatable: true,
      input: shapes.messageAckInput,
      output: shapes.messageAckOutput,
    },
    ackMessage,
  ),
  nak: mutation(
    { permission: 'messages:receive', input: shapes.messageNakInput, output: shapes.messageMoved },
    nakMessage,
  ),
})
