import type { Client } from '@tony/mcp-client'

/** A webhook to an endpoint of the test server's configuration, for which no event matches. */
export const silentWebhook = { url: 'http://127.0.0.1:9/', filter: { epic: 'no epic' } }

/** The webhooks of a project that stay, well below the number that it may have. */
const kept = 40

/** Creates a webhook, and deletes the oldest ones of a project that has many. */
export async function createSilentWebhook(client: Client): Promise<{ webhookId: string }> {
  const { webhooks } = await client.webhooks.list({})
  for (const { webhookId } of webhooks.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)).slice(0, -kept))
    await client.webhooks.delete({ webhookId })
  const { webhookId } = await client.webhooks.create(silentWebhook)
  return { webhookId }
}
