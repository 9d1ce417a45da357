import { CoordinationError } from '@tony/mcp-shared/errors'
import type { webhookRotateInput, webhookRotateOutput } from '@tony/mcp-shared/webhooks'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { sealSecret } from '../../domain/webhooks/secrets.ts'
import { isWebhookSecret, newSecret } from '../../domain/webhooks/signature.ts'
import { iso } from '../../platform/times.ts'
import { webhookNotFoundError } from './serialize.ts'

/** `webhooks.rotate`: deliveries carry a signature of each secret until the overlap is over. */
export async function rotateWebhook(
  ctx: Context,
  { webhookId, secret = newSecret(), overlapMs }: z.output<typeof webhookRotateInput>,
): Promise<z.output<typeof webhookRotateOutput>> {
  if (!isWebhookSecret(secret))
    throw new CoordinationError('INVALID_INPUT', 'secret: must be whsec_ followed by base64 of 24 to 64 bytes')
  return ctx.transact(async (tx) => {
    const { webhooks: w } = tx.t
    const previousUntil = tx.now + overlapMs
    const [row] = await tx.db
      .update(w)
      .set({ secret: sealSecret(ctx.identity.pepper, secret), previousSecret: w.secret, previousUntil })
      .where(and(eq(w.id, webhookId), eq(w.projectId, ctx.principal.project)))
      .returning({ id: w.id })
    if (!row) throw webhookNotFoundError(webhookId)
    const data = { webhookId, previousUntil: iso(previousUntil) }
    tx.append({ type: 'webhook.rotated', subject: webhookId, actor: actorOf(ctx.principal), audience: [], data })
    return { webhookId, secret, previousUntil: iso(previousUntil) }
  })
}
