import { webhookBatch } from '@tony/mcp-shared/webhooks'
import type { FeedEvent } from '../feed/page.ts'
import type { EventBatch } from './bodies.ts'

/**
 * Returns the most events of the next body. Each failure of the same delivery makes it smaller, so
 * that one event that the endpoint refuses is alone before it becomes a dead letter.
 */
export const batchSizeOf = (format: string, failures: number): number =>
  format === 'batch' ? Math.max(1, Math.floor(webhookBatch.events / 4 ** failures)) : 1

/** Returns the first events that fit into one body; undefined if there are none. */
export function takeBatch(events: readonly FeedEvent[], size: number): EventBatch | undefined {
  const [first, ...others] = events.slice(0, size)
  if (!first) return undefined
  let bodyBytes = first.bytes
  const end = others.findIndex(({ bytes }) => {
    bodyBytes += bytes
    return bodyBytes > webhookBatch.bytes
  })
  return [first, ...(end < 0 ? others : others.slice(0, end))]
}
