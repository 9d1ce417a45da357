import type { webhookTestInput, webhookTestOutput } from '@tony/mcp-shared/webhooks'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { findWebhook } from '../../domain/webhooks/rows.ts'
import { webhookNotFoundError } from './serialize.ts'

/** `webhooks.test`: one request, whose outcome changes nothing. */
export async function testWebhook(
  ctx: Context,
  { webhookId }: z.output<typeof webhookTestInput>,
): Promise<z.output<typeof webhookTestOutput>> {
  const { project } = ctx.principal
  const [row] = await ctx.read((reader) => reader.run(findWebhook, { id: webhookId, project }))
  if (!row) throw webhookNotFoundError(webhookId)
  const error = await ctx.webhooks.sendTest(row)
  return { delivered: error === undefined, error: error ?? null }
}
