import { type DeliveryMode, deliveryModes } from '@tony/mcp-shared/messages'
import { requestMessageType } from '@tony/mcp-shared/requests'
import { delimitUntrusted, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { InboxMessage, Message } from './calls.ts'
import { loadAgentNames } from './task-view.ts'
import { type AnyTool, tool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'

const messageView = z.object({
  messageId: z.string(),
  from: z.string().describe('verified by the server'),
  type: z.string(),
  taskId: z.string().optional(),
  threadId: z.string().optional(),
  replyTo: z.string().optional(),
  sentAt: z.string(),
  text: z.string(),
})

type ViewableMessage = Pick<
  InboxMessage | Message,
  'id' | 'from' | 'type' | 'payload' | 'taskId' | 'threadId' | 'replyTo' | 'sentAt'
>

/** Returns messages in the form a model reads: each text is delimited and names its sender. */
export async function toMessageViews(
  toolSession: ToolSession,
  messages: readonly ViewableMessage[],
): Promise<z.output<typeof messageView>[]> {
  const nameOf = await loadAgentNames(
    toolSession,
    messages.map(({ from }) => from),
  )
  return messages.map(({ id, from, type, payload, taskId, threadId, replyTo, sentAt }) => ({
    messageId: id,
    from: nameOf(from),
    type: toSingleLine(type),
    ...(taskId === null ? {} : { taskId }),
    ...(threadId === null ? {} : { threadId: toSingleLine(threadId) }),
    ...(replyTo === null ? {} : { replyTo }),
    sentAt,
    text: delimitUntrusted(payload, `message from ${nameOf(from)}`),
  }))
}

/** Returns messages as one text to be placed beside other content; empty if there are none. */
export async function renderMessages(toolSession: ToolSession, messages: readonly InboxMessage[]): Promise<string> {
  if (messages.length === 0) return ''
  const views = await toMessageViews(toolSession, messages)
  const texts = views.flatMap(({ messageId, type, taskId, text }, index) => {
    const taskNote = taskId === undefined ? '' : `, about task ${taskId}`
    const steerNote = messages[index]?.mode === 'steer' ? ', to be read before you go on' : ''
    // The type is the sender's own word. It comes last and in quotes, so that it cannot pass for a
    // word of this server.
    return [`Message ${messageId}${steerNote}${taskNote}, of the type ${JSON.stringify(type)}:`, text]
  })
  return [...texts, 'Answer with the tool send, and the id of the message as replyTo.'].join('\n')
}

/**
 * Takes the messages that are due with a result, and returns them as one text. If the inbox cannot
 * be read, the result goes out without messages.
 */
export async function showDueMessages(toolSession: ToolSession, upTo: DeliveryMode): Promise<string[]> {
  const messages = await toolSession.takeDueMessages(upTo).catch(() => [])
  if (messages.length === 0) return []
  const text = await renderMessages(toolSession, messages)
  await toolSession.markShown(messages.map(({ id }) => id))
  return [text]
}

const inbox = tool({
  name: 'inbox',
  title: 'Read new messages',
  description:
    'Shows the messages sent to you that you have not seen, each once. Waits up to waitSeconds for one. Answer with send and replyTo.',
  input: z.object({
    waitSeconds: z.int().min(0).max(43_200).default(0),
    limit: z.int().min(1).max(50).default(10),
  }),
  output: z.object({ messages: z.array(messageView), next: z.string() }),
  run: async (toolSession, { waitSeconds, limit }, { signal }) => {
    const waitMs = Math.min(waitSeconds * 1_000, toolSession.maxWaitMs)
    const { messages, more } = await toolSession.receive(limit, { waitMs, signal })
    const views = await toMessageViews(toolSession, messages)
    await toolSession.markShown(messages.map(({ id }) => id))
    const moreNote = more ? 'There may be more: call inbox again.' : 'Nothing more is waiting.'
    return {
      messages: views,
      next: messages.length === 0 ? 'No new messages.' : `Act on what concerns you. ${moreNote}`,
    }
  },
})

const requestPayload = z.object({ requestId: z.string() })

/**
 * Returns the id of the request that a message carries, if it is one. Its answer goes to the
 * waiting caller.
 */
function requestIdOf({ type, payload }: Message): string | undefined {
  const request = type === requestMessageType ? requestPayload.safeParse(payload) : undefined
  return request?.data?.requestId
}

const send = tool({
  name: 'send',
  title: 'Send a message',
  description:
    'Sends a message to an agent (its name or id), to "role:tech-lead" or another role, to "topic:<topic>", or to "*" for all. With replyTo it goes to the sender of that message.',
  input: z.object({
    to: z.string().min(1).max(160).optional().describe('not needed with replyTo'),
    text: z.string().min(1).max(65_536),
    replyTo: z.string().optional().describe('messageId of the message you answer'),
    taskId: z.string().optional().describe('the task it is about'),
    type: z.string().min(1).max(200).default('note'),
    priority: z.enum(['critical', 'high', 'normal', 'low']).default('normal'),
    mode: z
      .enum(deliveryModes)
      .default('boundary')
      .describe('when it is shown: at once, between two steps, at the end of the turn, with others at the next turn'),
    threadId: z.string().min(1).max(128).optional(),
  }),
  output: z.object({ messageId: z.string(), recipients: z.int(), next: z.string() }),
  run: async (toolSession, { to, text, replyTo, taskId, threadId, ...options }) => {
    const original = replyTo === undefined ? undefined : await toolSession.call('messages.get', { messageId: replyTo })
    const requestId = original && requestIdOf(original)
    if (requestId !== undefined) {
      const { inTime } = await toolSession.call('requests.reply', { requestId, result: text })
      return { messageId: original?.id ?? requestId, recipients: 1, next: inTime ? 'Answered.' : 'Answered, too late.' }
    }
    const resolvedThreadId = threadId ?? original?.threadId ?? original?.id
    const { id, recipients } = await toolSession.call('messages.send', {
      ...options,
      to: to ?? original?.from ?? 'role:tech-lead',
      payload: text,
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(taskId === undefined ? {} : { taskId }),
      ...(resolvedThreadId === undefined ? {} : { threadId: resolvedThreadId }),
    })
    const next =
      recipients.length === 0
        ? 'Nobody is there to receive it: call who.'
        : 'Sent. An answer is shown to you; explain with messageId says whether it was read.'
    const [recipient] = recipients.length === 1 ? recipients : []
    return { messageId: recipient?.messageId ?? id, recipients: recipients.length, next }
  },
})

export const messageTools: readonly AnyTool[] = [send, inbox]
