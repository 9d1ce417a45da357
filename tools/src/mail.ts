import { type DeliveryMode, deliveryModes } from '@tony/mcp-shared/messages'
import { requestMessageType } from '@tony/mcp-shared/requests'
import { fenced, inLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Mail, Message } from './calls.ts'
import { namesOf } from './present.ts'
import type { Seat } from './seat.ts'
import { type AnyTool, tool } from './tool.ts'

const letter = z.object({
  messageId: z.string(),
  from: z.string().describe('verified by the server'),
  type: z.string(),
  taskId: z.string().optional(),
  threadId: z.string().optional(),
  replyTo: z.string().optional(),
  sentAt: z.string(),
  text: z.string(),
})

type Shown = Pick<Mail | Message, 'id' | 'from' | 'type' | 'payload' | 'taskId' | 'threadId' | 'replyTo' | 'sentAt'>

/** Messages as a model reads them, the words of each fenced with its sender. */
export async function presentMail(seat: Seat, mail: readonly Shown[]): Promise<z.output<typeof letter>[]> {
  const nameOf = await namesOf(
    seat,
    mail.map(({ from }) => from),
  )
  return mail.map(({ id, from, type, payload, taskId, threadId, replyTo, sentAt }) => ({
    messageId: id,
    from: nameOf(from),
    type: inLine(type),
    ...(taskId === null ? {} : { taskId }),
    ...(threadId === null ? {} : { threadId: inLine(threadId) }),
    ...(replyTo === null ? {} : { replyTo }),
    sentAt,
    text: fenced(payload, `message from ${nameOf(from)}`),
  }))
}

/** Messages as text between what else a model is shown; empty for none. */
export async function tellMail(seat: Seat, mail: readonly Mail[]): Promise<string> {
  if (mail.length === 0) return ''
  const letters = await presentMail(seat, mail)
  const shown = letters.flatMap(({ messageId, type, taskId, text }, index) => {
    const about = taskId === undefined ? '' : `, about task ${taskId}`
    const steers = mail[index]?.mode === 'steer' ? ', to be read before you go on' : ''
    // Its type is the sender's word, and comes last and in quotes: it can pass for none of ours.
    return [`Message ${messageId}${steers}${about}, of the type ${JSON.stringify(type)}:`, text]
  })
  return [...shown, 'Answer with the tool send, and the id of the message as replyTo.'].join('\n')
}

/** The messages that are due with a result, as one text. A mailbox that cannot be read is no reason to keep the result back. */
export async function showDue(seat: Seat, upTo: DeliveryMode): Promise<string[]> {
  const mail = await seat.due(upTo).catch(() => [])
  if (mail.length === 0) return []
  const text = await tellMail(seat, mail)
  await seat.shown(mail.map(({ id }) => id))
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
  output: z.object({ messages: z.array(letter), next: z.string() }),
  run: async (seat, { waitSeconds, limit }, { signal }) => {
    const waitMs = Math.min(waitSeconds * 1_000, seat.maxWaitMs)
    const mail = await seat.receive(limit, { waitMs, signal })
    const messages = await presentMail(seat, mail)
    await seat.shown(mail.map(({ id }) => id))
    const full = mail.length === limit ? 'There may be more: call inbox again.' : 'Nothing more is waiting.'
    return { messages, next: mail.length === 0 ? 'No new messages.' : `Act on what concerns you. ${full}` }
  },
})

const requestOf = z.object({ requestId: z.string() })

/** The request a message is, when it is one: its answer goes to whoever waits for it. */
function requestIdOf({ type, payload }: Message): string | undefined {
  const request = type === requestMessageType ? requestOf.safeParse(payload) : undefined
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
  run: async (seat, { to, text, replyTo, taskId, threadId, ...rest }) => {
    const answered = replyTo === undefined ? undefined : await seat.call('messages.get', { messageId: replyTo })
    const requestId = answered && requestIdOf(answered)
    if (requestId !== undefined) {
      const { inTime } = await seat.call('requests.reply', { requestId, result: text })
      return { messageId: answered?.id ?? requestId, recipients: 1, next: inTime ? 'Answered.' : 'Answered, too late.' }
    }
    const thread = threadId ?? answered?.threadId ?? answered?.id
    const { id, recipients } = await seat.call('messages.send', {
      ...rest,
      to: to ?? answered?.from ?? 'role:tech-lead',
      payload: text,
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(taskId === undefined ? {} : { taskId }),
      ...(thread === undefined ? {} : { threadId: thread }),
    })
    const next =
      recipients.length === 0
        ? 'Nobody is there to receive it: call who.'
        : 'Sent. An answer is shown to you; explain with messageId says whether it was read.'
    const [only] = recipients.length === 1 ? recipients : []
    return { messageId: only?.messageId ?? id, recipients: recipients.length, next }
  },
})

export const mailTools: readonly AnyTool[] = [send, inbox]
