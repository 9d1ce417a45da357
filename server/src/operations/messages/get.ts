import type { messageGetInput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type MessageOutput, toMessage } from './serialize.ts'
import { requireVisibleMessage } from './visible.ts'

export const getMessage = (ctx: Context, { messageId }: z.output<typeof messageGetInput>): Promise<MessageOutput> =>
  ctx.read(async (reader) => toMessage(reader, await requireVisibleMessage(reader, ctx.principal, messageId)))
