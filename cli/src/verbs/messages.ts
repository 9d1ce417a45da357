import type { Client, Message } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { AgentNames } from '../output/agent-names.ts'
import { formatAge } from '../output/cells.ts'
import { formatRecord } from '../output/record.ts'
import type { Columns } from '../output/table.ts'
import { addList } from './list.ts'
import { addVerb } from './verb.ts'

/** The developer of dev mode has no id. */
const senderOf = (names: AgentNames, from: string | null): string => names.of(from) ?? 'the developer'

const messageColumns = (names: AgentNames): Columns<Message> => ({
  id: ({ id }) => id,
  status: ({ status }) => status,
  from: ({ from }) => senderOf(names, from),
  to: ({ to }) => names.of(to),
  type: ({ type }) => type,
  age: ({ sentAt }) => formatAge(sentAt),
  payload: ({ payload }) => (typeof payload === 'string' ? payload : JSON.stringify(payload)),
})

const agentsOfMessage = ({ from, to }: Message): readonly (string | null)[] => [from, to]

interface MessageFilterOptions {
  readonly box?: 'in' | 'out'
  readonly agent?: string
  readonly status?: Message['status']
  readonly type?: string
  readonly task?: string
}

function addMessageLists(messages: Command): void {
  addList<Message, MessageFilterOptions>(messages, {
    name: 'ls',
    description: 'list the messages of an agent, newest first; a tech-lead may name any agent',
    addOptions: (command) =>
      command
        .option('--agent <agent>', 'its messages; default: the agent of the credential')
        .addOption(new Option('--box <box>', 'received or sent').choices(['in', 'out']))
        .addOption(
          new Option('--status <status>', 'only those with this status').choices([
            'pending',
            'delivered',
            'acked',
            'dead',
            'expired',
          ]),
        )
        .option('--type <type>', 'only those of this type')
        .option('--task <task>', 'only those about this task'),
    load: async (client, request, { box, agent, status, type, task }) => {
      const page = await client.messages.list({ box, agent, status, type, taskId: task, ...request })
      return { rows: page.messages, nextCursor: page.nextCursor }
    },
    agentsOf: agentsOfMessage,
    columns: messageColumns,
    none: 'no messages',
  })
  addList<Message, object>(messages, {
    name: 'thread',
    usage: '<thread>',
    description: 'list the messages of a thread, oldest first',
    load: async (client, request, _, [threadId = '']) => {
      const page = await client.messages.thread({ threadId, ...request })
      return { rows: page.messages, nextCursor: page.nextCursor }
    },
    agentsOf: agentsOfMessage,
    columns: messageColumns,
    none: 'no messages',
  })
}

interface SendOptions {
  readonly type: string
  readonly payload?: string
  readonly task?: string
  readonly thread?: string
  readonly priority?: Message['priority']
  readonly mode?: Message['mode']
}

function payloadOf(text: string | undefined, json: string | undefined): unknown {
  if ((text === undefined) === (json === undefined))
    throw new CommandError(usageExitCode, 'name one of a text and --payload')
  if (json === undefined) return text
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new CommandError(usageExitCode, '--payload is not JSON', { cause })
  }
}

function addSend(messages: Command): void {
  addVerb<SendOptions, Awaited<ReturnType<Client['messages']['send']>>>(messages, {
    name: 'send',
    usage: '<to> [text]',
    description: 'send a text to an agent, topic:TOPIC, role:ROLE or "*"; prints the id',
    addOptions: (command) =>
      command
        .option('--type <type>', 'the type of the message', 'note')
        .option('--payload <json>', 'JSON in place of the text')
        .option('--task <task>', 'the task it is about')
        .option('--thread <thread>', 'its thread')
        .addOption(
          new Option('--priority <priority>', 'default: normal').choices(['critical', 'high', 'normal', 'low']),
        )
        .addOption(
          new Option('--mode <mode>', 'when a model sees it, default: boundary').choices([
            'steer',
            'boundary',
            'turn_end',
            'digest',
          ]),
        ),
    run: ({ client, values: [to = '', text], options: { type, payload, task, thread, priority, mode } }) =>
      client.messages.send({
        to,
        type,
        payload: payloadOf(text, payload),
        taskId: task,
        threadId: thread,
        priority,
        mode,
      }),
    format: ({ id }) => id,
  })
}

/** Adds `tony-mcp messages`. */
export function addMessageCommands(tony: Command): void {
  const messages = tony.command('messages')
  addMessageLists(messages)
  addVerb<object, Message>(messages, {
    name: 'show',
    usage: '<message>',
    description: 'show everything about a message',
    run: ({ client, values: [messageId = ''] }) => client.messages.get({ messageId }),
    format: async (message, { client }) => {
      const names = new AgentNames(client)
      await names.load(agentsOfMessage(message))
      return formatRecord({ ...message, from: senderOf(names, message.from), to: names.of(message.to) })
    },
  })
  addSend(messages)
}
