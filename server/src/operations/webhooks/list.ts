import type { webhookListOutput } from '@tony/mcp-shared/webhooks'
import { asc, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { toWebhook } from './serialize.ts'

/** `webhooks.list`: all webhooks of the project, without their secrets. There are at most 100. */
export const listWebhooks = (ctx: Context): Promise<z.output<typeof webhookListOutput>> =>
  ctx.read(async (reader) => {
    const { webhooks: w } = reader.t
    const rows = await reader.db
      .select()
      .from(w)
      .where(eq(w.projectId, ctx.principal.project))
      .orderBy(asc(w.createdAt), asc(w.id))
    const webhooks: z.output<typeof webhookListOutput>['webhooks'] = []
    for (const row of rows) webhooks.push(await toWebhook(reader, ctx.store.epoch, row))
    return { webhooks }
  })
