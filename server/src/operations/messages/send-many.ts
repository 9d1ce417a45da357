import { CoordinationError } from '@tony/mcp-shared/errors'
import type { messageSendManyInput, messageSendManyOutput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import type { Transaction } from '../../store/store.ts'
import { sendIn } from './send.ts'

type Input = z.output<typeof messageSendManyInput>
type Output = z.output<typeof messageSendManyOutput>

async function trySend(tx: Transaction, ctx: Context, outgoing: Input['messages'][number]) {
  try {
    return { sent: await sendIn(tx, ctx, outgoing), error: null }
  } catch (refused) {
    if (!(refused instanceof CoordinationError)) throw refused
    return { sent: null, error: { code: refused.code, message: refused.message } }
  }
}

/**
 * `messages.sendMany`: sends several messages in one transaction. A refused message writes nothing
 * and does not affect the others.
 */
export const sendManyMessages = (ctx: Context, { messages }: Input): Promise<Output> =>
  ctx.transact(async (tx) => {
    const results: Output['results'] = []
    for (const outgoing of messages) results.push(await trySend(tx, ctx, outgoing))
    return { results }
  })
