import type { webhookDeleteInput, webhookDeleteOutput } from '@tony/mcp-shared/webhooks'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { deleteWebhook } from '../../domain/webhooks/delete.ts'
import { webhookNotFoundError } from './serialize.ts'

/** `webhooks.delete`: the dead letters go with the webhook. A delivery on its way may arrive. */
export const removeWebhook = (
  ctx: Context,
  { webhookId }: z.output<typeof webhookDeleteInput>,
): Promise<z.output<typeof webhookDeleteOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const row = await deleteWebhook(tx, { id: webhookId, project, actor: actorOf(ctx.principal) })
    if (!row) throw webhookNotFoundError(webhookId)
    return { webhookId }
  })
