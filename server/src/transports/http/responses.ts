import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Services } from '../../domain/context.ts'
import { toCoordinationError, toErrorShape } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { RequestChecks } from './request-checks.ts'

/** The parts of the server that handle an HTTP request. */
export interface TransportContext {
  readonly services: Services
  readonly log: Log
  readonly metrics: Metrics
  readonly checks: RequestChecks
}

/**
 * Headers of every response. Nothing here is a page: a browser that is tricked into showing a
 * response gets nothing to run, frame or cache.
 */
export const securityHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** Returns the path of a request, without its query. */
export const requestPathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? ''

const scheme = 'Bearer realm="tony-mcp"'

/**
 * Returns the `WWW-Authenticate` header that RFC 6750 requires of a refusal. It names the scheme.
 * For a credential that was sent it adds `invalid_token`, and `expired` only if the token has
 * expired. For a valid credential without the permission it names the missing scope.
 */
export function wwwAuthenticateHeadersOf(
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

/** Returns `Retry-After`, rounded up to whole seconds as HTTP requires. */
export const retryHeaders = (retryAfterMs: unknown): Readonly<Record<string, string>> =>
  typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } : {}

/** Sends one JSON response, unless the caller has disconnected. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** Sets the headers that belong to an error. */
export function setErrorHeaders(response: ServerResponse, error: unknown): void {
  const refusal = toCoordinationError(error)
  const { code, details } = refusal
  const headers = {
    ...retryHeaders(details?.['retryAfterMs']),
    ...wwwAuthenticateHeadersOf(refusal, response.req.headers.authorization !== undefined),
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // The rest of the body stays unread, so the connection cannot be used again.
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
}

/** Sends an error as JSON, with the headers that belong to it. */
export function sendError(response: ServerResponse, error: unknown, requestId: string): void {
  if (response.headersSent) return
  setErrorHeaders(response, error)
  const { code } = toCoordinationError(error)
  sendJson(response, errorPolicies[code].http, { error: toErrorShape(error, requestId) })
}
