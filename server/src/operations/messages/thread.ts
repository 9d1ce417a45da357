import { CoordinationError } from '@tony/mcp-shared/errors'
import type { messageListOutput, messageThreadInput } from '@tony/mcp-shared/messages'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { positionOf } from '../../platform/paging.ts'
import { pageAlong, unplanned } from './index-scan.ts'
import { presentPage } from './serialize.ts'
import { onlyOf } from './visible.ts'

/**
 * `messages.thread`: the oldest first, page by page. What the caller may not see of it is passed over on the way and not
 * counted as looked at, which would tell that it is there.
 */
export const threadOfMessages = (
  ctx: Context,
  { threadId, limit, cursor }: z.output<typeof messageThreadInput>,
): Promise<z.output<typeof messageListOutput>> =>
  ctx.read(async (reader) => {
    const { messages } = reader.t
    const only = onlyOf(ctx.principal)
    const mine =
      only === undefined ? undefined : or(unplanned(messages.fromAgent, only), unplanned(messages.toAgent, only))
    const along = and(eq(messages.projectId, ctx.principal.project), eq(messages.threadId, threadId), mine)
    const asked = { order: 'oldest', after: positionOf(cursor), limit } as const
    const found = await pageAlong(reader, [{ along, where: undefined }], asked)
    if (found.rows.length === 0 && cursor === undefined)
      throw new CoordinationError('NOT_FOUND', `Thread ${threadId} not found`)
    const { page, nextCursor } = await presentPage(reader, found, async (_, message) => message)
    return { messages: page, nextCursor }
  })
