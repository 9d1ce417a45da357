import { deliveryModes } from '@tony/mcp-shared/messages'
import { requestMessageType } from '@tony/mcp-shared/requests'
import { z } from 'zod'
import type { Message } from './calls.ts'
import { errorCodeOf, ToolError } from './error-text.ts'
import { longTextWarning } from './text-part.ts'
import { tool } from './tool.ts'

const requestPayload = z.object({ requestId: z.string() })

/**
 * Returns the id of the request that a message carries, if it is one. Its answer goes to the
 * waiting caller.
 */
function requestIdOf({ type, payload }: Message): string | undefined {
  const request = type === requestMessageType ? requestPayload.safeParse(payload) : undefined
  return request?.data?.requestId
}

/** Words by which a model may mean everybody. An agent may have one of them as its name. */
const mistakenEverybodyPattern = /^@?(all|everyone|everybody|broadcast|team|fleet)$/i

const everybodyError = (word: string) =>
  new ToolError('NOT_FOUND', `there is no agent "${word}": to send to everybody, write "*"`)

export const send = tool({
  name: 'send',
  title: 'Send a message',
  description:
    'Sends a message to an agent (its name or id), to "role:tech-lead" or another role, to "topic:<topic>", or to "*" for all. With replyTo it goes to the sender of that message.',
  input: z.strictObject({
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
    const address = to ?? original?.from ?? 'role:tech-lead'
    const message = {
      ...options,
      to: address,
      payload: text,
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(taskId === undefined ? {} : { taskId }),
      ...(resolvedThreadId === undefined ? {} : { threadId: resolvedThreadId }),
    }
    const { id, recipients } = await toolSession.call('messages.send', message).catch((error: unknown) => {
      throw mistakenEverybodyPattern.test(address) && errorCodeOf(error) === 'NOT_FOUND'
        ? everybodyError(address)
        : error
    })
    const next =
      recipients.length === 0
        ? 'Nobody is there to receive it: call who.'
        : `Sent. An answer is shown to you; explain with messageId says whether it was read.${longTextWarning(text)}`
    const [recipient] = recipients.length === 1 ? recipients : []
    return { messageId: recipient?.messageId ?? id, recipients: recipients.length, next }
  },
})
