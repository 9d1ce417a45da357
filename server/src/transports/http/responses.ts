import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Services } from '../../domain/context.ts'
import { toCoordinationError, toErrorShape } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { RequestChecks } from './request-checks.ts'

/** What every request is answered with. */
export interface TransportContext {
  readonly services: Services
  readonly log: Log
  readonly metrics: Metrics
  readonly checks: RequestChecks
}

/** On every answer. Nothing here is a page: a browser that is made to show one gets nothing to run, frame or keep. */
export const securityHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** Where a request goes, without its query. */
export const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? ''

const scheme = 'Bearer realm="tony-mcp"'

/**
 * What RFC 6750 has a refusal say: how to authenticate; of a credential that was shown, that it is not good, and by name only
 * that it has expired; and which scope one that is good lacks.
 */
export function authenticateHeaders(
  { code, details }: CoordinationError,
  hasCredential: boolean,
): Readonly<Record<string, string>> {
  const { http } = errorPolicies[code]
  const missingPermission = details?.['permission']
  if (http === 403 && typeof missingPermission === 'string')
    return { 'www-authenticate': `${scheme}, error="insufficient_scope", scope="${missingPermission}"` }
  if (http !== 401) return {}
  const description = code === 'TOKEN_EXPIRED' ? ', error_description="expired"' : ''
  return { 'www-authenticate': hasCredential ? `${scheme}, error="invalid_token"${description}` : scheme }
}

/** When to come again, in whole seconds as HTTP has it. */
export const retryHeaders = (retryAfterMs: unknown): Readonly<Record<string, string>> =>
  typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } : {}

/** One JSON answer, unless the other side is gone. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** The same for what went wrong. */
export function sendError(response: ServerResponse, error: unknown, requestId: string): void {
  if (response.headersSent) return
  const refusal = toCoordinationError(error)
  const { code, details } = refusal
  const headers = {
    ...retryHeaders(details?.['retryAfterMs']),
    ...authenticateHeaders(refusal, response.req.headers.authorization !== undefined),
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // The rest of such a body is not read.
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
  sendJson(response, errorPolicies[code].http, { error: toErrorShape(error, requestId) })
}
