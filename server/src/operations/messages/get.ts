import type { messageGetInput } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type MessageOutput, presentMessage } from './serialize.ts'
import { visibleMessage } from './visible.ts'

/** `messages.get`. */
export const getMessage = (ctx: Context, { messageId }: z.output<typeof messageGetInput>): Promise<MessageOutput> =>
  ctx.read(async (reader) => presentMessage(reader, await visibleMessage(reader, ctx.principal, messageId)))
