import { CoordinationError } from '@tony/mcp-shared/errors'
import type { webhook } from '@tony/mcp-shared/webhooks'
import type { z } from 'zod'
import { cursorAt } from '../../domain/feed/cursor.ts'
import { countDeadLetters, type WebhookRow } from '../../domain/webhooks/rows.ts'
import { toWebhookError, toWebhookFormat, toWebhookState } from '../../domain/webhooks/words.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import type { Reader } from '../../store/store.ts'

export const webhookNotFoundError = (webhookId: string): CoordinationError =>
  new CoordinationError('NOT_FOUND', `Webhook ${webhookId} not found`)

/** Returns a webhook without its secret. */
export async function toWebhook(reader: Reader, epoch: string, row: WebhookRow): Promise<z.output<typeof webhook>> {
  const [letters] = await reader.run(countDeadLetters, { webhookId: row.id })
  return {
    webhookId: row.id,
    url: row.url,
    format: toWebhookFormat(row.format),
    filter: JSON.parse(row.filter),
    state: toWebhookState(row.state),
    cursor: cursorAt(epoch, row.seq),
    createdAt: iso(row.createdAt),
    expiresAt: isoOrNull(row.expiresAt),
    deliveredAt: isoOrNull(row.deliveredAt),
    failures: row.failures,
    failingSince: isoOrNull(row.failingSince),
    lastError: row.lastError === null ? null : toWebhookError(row.lastError),
    nextAttemptAt: isoOrNull(row.nextAt),
    deadLetters: letters?.count ?? 0,
  }
}
