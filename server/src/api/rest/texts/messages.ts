import { exampleIds, exampleReceipt, type OperationTexts } from '../operation-text.ts'

const { agent, message } = exampleIds

/** The texts of the procedures of messages and of dead letters. */
export const messageTexts: OperationTexts = {
  'messages.send': {
    summary: 'Send a message',
    description: 'Sends to an agent, a topic, a role or everyone. A recipient that is offline gets it later.',
    input: { to: agent, type: 'note', payload: { text: 'The form is ready.' }, threadId: 'login' },
  },
  'messages.sendMany': {
    summary: 'Send up to 100 messages',
    description: 'Sends each message in its own transaction, and returns a result for each.',
    input: { messages: [{ to: agent, type: 'note', payload: { text: 'The form is ready.' } }] },
  },
  'messages.inbox': {
    summary: 'Stream of received messages',
    description: 'Hands out the messages of the caller as they arrive. Each must be acked by its ackBy.',
    input: { maxAckPending: 10 },
  },
  'messages.receive': {
    summary: 'Receive messages',
    description: 'Hands out messages of the caller. With waitMs the call waits until there is one.',
    input: { limit: 1, waitMs: 0 },
  },
  'messages.ack': {
    summary: 'Ack a delivery',
    description: 'Ends one delivery, or up to 200 in acks. It can be repeated with the same receipt.',
    input: exampleReceipt,
  },
  'messages.nak': {
    summary: 'Ask for another delivery',
    description: 'Returns the message to the inbox. After its last delivery it becomes a dead letter.',
    input: { ...exampleReceipt, delayMs: 1_000, error: 'The database is busy.' },
  },
  'messages.term': {
    summary: 'Give a message up',
    description: 'Makes the message a dead letter at once.',
    input: { ...exampleReceipt, error: 'The type is unknown.' },
  },
  'messages.inProgress': {
    summary: 'Extend the time for an ack',
    description: 'Moves the deadline of the ack. With shown it reports that a model has seen the message.',
    input: { ...exampleReceipt, ackWaitMs: 60_000, shown: true },
  },
  'messages.subscribe': {
    summary: 'Subscribe to a topic',
    description: 'Adds a topic to the caller. It outlives the registration.',
    input: { topic: 'builds' },
  },
  'messages.unsubscribe': {
    summary: 'Unsubscribe from a topic',
    description: 'Removes a topic from the caller.',
    input: { topic: 'builds' },
  },
  'messages.get': {
    summary: 'Read a message',
    description: 'Returns a message that the caller sent or received, with its status.',
    input: { messageId: message },
  },
  'messages.list': {
    summary: 'List messages',
    description: 'Returns a page of the messages that the caller sent or received, newest first.',
    input: { box: 'in', limit: 2 },
  },
  'messages.thread': {
    summary: 'Read a thread',
    description: 'Returns the messages of a thread that the caller sent or received, oldest first.',
    input: { threadId: 'login' },
  },
  'messages.deadLetters.list': {
    summary: 'List dead letters',
    description: 'Returns the messages that could not be delivered, with each failed delivery, oldest first.',
    input: { filter: { messageIds: [message] }, limit: 2 },
  },
  'messages.deadLetters.redrive': {
    summary: 'Return dead letters to an inbox',
    description: 'Gives the messages a full number of deliveries again. While more is true, call again.',
    input: { filter: { messageIds: [message] } },
  },
  'messages.deadLetters.purge': {
    summary: 'Delete dead letters',
    description: 'Deletes the dead letters of the filter for good. While more is true, call again.',
    input: { filter: { messageIds: [message] } },
  },
}
