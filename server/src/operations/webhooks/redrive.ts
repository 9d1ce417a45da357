import type { webhookRedriveInput, webhookRedriveOutput } from '@tony/mcp-shared/webhooks'
import { and, asc, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { webhookNotFoundError } from './serialize.ts'

/** `webhooks.redrive`: each dead letter gets one more attempt, before the events that wait. */
export async function redriveWebhook(
  ctx: Context,
  { webhookId, limit }: z.output<typeof webhookRedriveInput>,
): Promise<z.output<typeof webhookRedriveOutput>> {
  const { project } = ctx.principal
  const reply = await ctx.transact(async (tx) => {
    const { webhooks: w, webhookDeadLetters: d } = tx.t
    const [row] = await tx.db
      .update(w)
      .set({ redrive: 1, state: 'active', failures: 0, nextAt: null })
      .where(and(eq(w.id, webhookId), eq(w.projectId, project)))
      .returning({ id: w.id })
    if (!row) throw webhookNotFoundError(webhookId)
    const oldest = tx.db
      .select({ ord: d.ord })
      .from(d)
      .where(eq(d.webhookId, webhookId))
      .orderBy(asc(d.ord))
      .limit(limit)
    const redriven = await tx.db.update(d).set({ redriven: 1 }).where(inArray(d.ord, oldest)).returning({ ord: d.ord })
    return { redriven: redriven.length }
  })
  ctx.webhooks.notifyNewWebhook(project)
  return reply
}
