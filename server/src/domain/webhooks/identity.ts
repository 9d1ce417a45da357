import { createHash } from 'node:crypto'
import type { EventFilter } from '@tony/mcp-shared/events'

/** Everything that makes two webhooks the same one. */
export interface WebhookIdentity {
  readonly project: string
  readonly owner: string
  readonly url: string
  readonly format: string
  readonly filter: EventFilter
}

/** Returns a filter as text, in which the order of its fields and types plays no part. */
function canonicalText(filter: EventFilter): string {
  const fields = Object.entries(filter).map(([name, value]) => [name, Array.isArray(value) ? value.toSorted() : value])
  return JSON.stringify(fields.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

/**
 * Returns the id of a webhook, a UUID of version 8: the hash of its identity. It is the same after
 * a renewal, an expiry and a restart.
 */
export function webhookIdOf({ project, owner, url, format, filter }: WebhookIdentity): string {
  const text = JSON.stringify([project, owner, url, format, canonicalText(filter)])
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
