import { CoordinationError } from '@tony/mcp-shared/errors'
import type { messageListOutput, messageThreadInput } from '@tony/mcp-shared/messages'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { parseListCursor } from '../../platform/paging.ts'
import { equalsUnindexed, mergeScans } from './index-scan.ts'
import { toMessagePage } from './serialize.ts'
import { soleVisibleAgentOf } from './visible.ts'

/**
 * `messages.thread`: oldest first, in pages. The scan does not count messages that the caller may
 * not see, because the count would reveal them.
 */
export const getMessageThread = (
  ctx: Context,
  { threadId, limit, cursor }: z.output<typeof messageThreadInput>,
): Promise<z.output<typeof messageListOutput>> =>
  ctx.read(async (reader) => {
    const { messages } = reader.t
    const only = soleVisibleAgentOf(ctx.principal)
    const isParticipant =
      only === undefined
        ? undefined
        : or(equalsUnindexed(messages.fromAgent, only), equalsUnindexed(messages.toAgent, only))
    const indexed = and(eq(messages.projectId, ctx.principal.project), eq(messages.threadId, threadId), isParticipant)
    const query = { order: 'oldest', after: parseListCursor(cursor), limit } as const
    const found = await mergeScans(reader, [{ indexed, where: undefined }], query)
    if (found.rows.length === 0 && cursor === undefined)
      throw new CoordinationError('NOT_FOUND', `Thread ${threadId} not found`)
    const { page, nextCursor } = await toMessagePage(reader, found, async (_, message) => message)
    return { messages: page, nextCursor }
  })
