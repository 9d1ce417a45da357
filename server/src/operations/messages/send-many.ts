import { CoordinationError } from '@tony/mcp-shared/errors'
import { type messageSendManyInput, messageSendManyOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { sendIn } from './send.ts'

type Input = z.output<typeof messageSendManyInput>
type Output = z.output<typeof messageSendManyOutput>
type SendResult = Output['results'][number]

function storedResultAt(reply: unknown, index: number): SendResult {
  const result = messageSendManyOutput.parse(reply).results[index]
  if (!result) throw new Error(`a stored reply of messages.sendMany has no result ${index}`)
  return result
}

/**
 * Sends one message in a transaction of its own. A refusal is a result, and is stored under the
 * idempotency key like a success: a repeated call must not send later what it has refused before.
 */
const sendStep = (ctx: Context, outgoing: Input['messages'][number], index: number) =>
  ctx.transact(
    async (tx): Promise<SendResult> => {
      try {
        return { sent: await sendIn(tx, ctx, outgoing), error: null }
      } catch (refused) {
        if (!(refused instanceof CoordinationError)) throw refused
        return { sent: null, error: { code: refused.code, message: refused.message } }
      }
    },
    { step: { number: index, partOf: (reply) => storedResultAt(reply, index) } },
  )

/**
 * `messages.sendMany`: sends several messages, each in a transaction of its own. A refused message
 * writes nothing and does not affect the others. In one transaction, a hundred broadcasts to a
 * hundred agents kept every other caller waiting for seconds.
 */
export async function sendManyMessages(ctx: Context, { messages }: Input): Promise<Output> {
  const [first, ...others] = messages
  if (!first) return { results: [] }
  // Alone: it throws IDEMPOTENCY_CONFLICT for a key with another input, and then nothing may be
  // sent.
  const head = await sendStep(ctx, first, 0)
  // Queued in order and all at once: the operations of one caller keep their order.
  const rest = await Promise.allSettled(others.map((outgoing, index) => sendStep(ctx, outgoing, index + 1)))
  return { results: [head, ...rest.map(resultOf)] }
}

/**
 * The result of a step. A step that did not take effect has its error as a result: the call itself
 * must not say that nothing happened, because others before it have sent their messages.
 */
function resultOf(step: PromiseSettledResult<SendResult>): SendResult {
  if (step.status === 'fulfilled') return step.value
  const { reason } = step
  if (!(reason instanceof CoordinationError) || reason.applied !== 'no') throw reason
  return { sent: null, error: { code: reason.code, message: reason.message } }
}
