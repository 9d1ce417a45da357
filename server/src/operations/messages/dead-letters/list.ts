import {
  type deadLetterListInput,
  type deadLetterListOutput,
  deliveryFailureReason,
} from '@tony/mcp-shared/dead-letters'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { parseListCursor } from '../../../platform/paging.ts'
import { iso } from '../../../platform/times.ts'
import { type Reader, type StatementParts, statement } from '../../../store/store.ts'
import { type MessageHead, toMessagePage } from '../serialize.ts'
import { findDeadLetters } from './find.ts'

const findFailures = statement(({ db, t, p }: StatementParts<{ messageId: string; redrives: number }>) =>
  db
    .select()
    .from(t.deliveryFailures)
    .where(and(eq(t.deliveryFailures.messageId, p.messageId), eq(t.deliveryFailures.redrives, p.redrives)))
    .orderBy(t.deliveryFailures.attempt)
    .prepare(),
)

async function failuresOf(reader: Reader, { id: messageId, redrives }: MessageHead) {
  const rows = await reader.run(findFailures, { messageId, redrives })
  return rows.map(({ attempt, at, reason, error }) => ({
    attempt,
    at: iso(at),
    reason: deliveryFailureReason.parse(reason),
    error,
  }))
}

/** `messages.deadLetters.list`: oldest first, in pages, each with the history of its deliveries. */
export const listDeadLetters = (
  ctx: Context,
  { filter, limit, cursor }: z.output<typeof deadLetterListInput>,
): Promise<z.output<typeof deadLetterListOutput>> =>
  ctx.read(async (reader) => {
    const found = await findDeadLetters(reader, ctx, filter, { after: parseListCursor(cursor), limit })
    const { page, nextCursor } = await toMessagePage(reader, found, async (row, message) => ({
      ...message,
      failures: await failuresOf(reader, row),
    }))
    return { deadLetters: page, nextCursor }
  })
