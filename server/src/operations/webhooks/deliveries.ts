import type { webhookDeliveriesInput, webhookDeliveriesOutput } from '@tony/mcp-shared/webhooks'
import { and, asc, eq, gt } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { findWebhook } from '../../domain/webhooks/rows.ts'
import { toWebhookError } from '../../domain/webhooks/words.ts'
import { parseListCursor } from '../../platform/paging.ts'
import { iso } from '../../platform/times.ts'
import { webhookNotFoundError } from './serialize.ts'

/** `webhooks.deliveries`: the dead letters of a webhook, oldest first, without their bodies. */
export const listWebhookDeliveries = (
  ctx: Context,
  { webhookId, limit, cursor }: z.output<typeof webhookDeliveriesInput>,
): Promise<z.output<typeof webhookDeliveriesOutput>> =>
  ctx.read(async (reader) => {
    const after = parseListCursor(cursor) ?? 0
    const [webhook] = await reader.run(findWebhook, { id: webhookId, project: ctx.principal.project })
    if (!webhook) throw webhookNotFoundError(webhookId)
    const { webhookDeadLetters: d } = reader.t
    const rows = await reader.db
      .select({
        ord: d.ord,
        messageId: d.messageId,
        seq: d.seq,
        attempts: d.attempts,
        lastError: d.lastError,
        at: d.at,
        redriven: d.redriven,
      })
      .from(d)
      .where(and(eq(d.webhookId, webhookId), gt(d.ord, after)))
      .orderBy(asc(d.ord))
      .limit(limit + 1)
    const deadLetters = rows.slice(0, limit).map(({ ord: _, at, lastError, redriven, ...row }) => ({
      ...row,
      at: iso(at),
      lastError: toWebhookError(lastError),
      redriven: redriven === 1,
    }))
    return { deadLetters, nextCursor: rows.length > limit ? String(rows[limit - 1]?.ord) : null }
  })
