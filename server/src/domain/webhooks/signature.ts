import { createHmac, randomBytes } from 'node:crypto'

const secretPrefix = 'whsec_'

/** Returns a new secret of Standard Webhooks. */
export const newSecret = (): string => `${secretPrefix}${randomBytes(32).toString('base64')}`

/** True for a secret of 24 to 64 bytes in the form of Standard Webhooks. */
export function isWebhookSecret(secret: string): boolean {
  const { length } = hmacKeyOf(secret)
  return secret.startsWith(secretPrefix) && length >= 24 && length <= 64
}

const hmacKeyOf = (secret: string): Buffer => Buffer.from(secret.slice(secretPrefix.length), 'base64')

/** A delivery: the id for deduplication, and the exact bytes that are signed. */
export interface WebhookMessage {
  readonly id: string
  readonly body: string
}

/** Header with the id of the webhook, by which a receiver selects the secret. */
const idHeaderOf = (format: string): string => (format === 'mcp' ? 'x-mcp-subscription-id' : 'x-tony-webhook-id')

/**
 * Returns the headers of Standard Webhooks with one signature for each secret. Each attempt is
 * signed anew, or a receiver would refuse a late one by its time.
 */
export function signatureHeaders(
  { id, body }: WebhookMessage,
  secrets: readonly string[],
  wallMs: number,
): Record<string, string> {
  const timestamp = String(Math.floor(wallMs / 1_000))
  const signatures = secrets.map((secret) => {
    const digest = createHmac('sha256', hmacKeyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
    return `v1,${digest}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** The webhook of a request, with the secrets that are valid now. */
interface WebhookSigner {
  readonly id: string
  readonly format: string
  readonly secrets: readonly string[]
}

/** Returns the headers of one request: the signatures, and the id of the webhook. */
export const requestHeaders = (
  { id, format, secrets }: WebhookSigner,
  message: WebhookMessage,
  wallMs: number,
): Record<string, string> => ({ ...signatureHeaders(message, secrets, wallMs), [idHeaderOf(format)]: id })
