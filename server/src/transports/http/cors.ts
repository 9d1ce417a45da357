import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestChecks } from './request-checks.ts'

/** Response headers that a page may read. */
const exposedHeaders = 'RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate'

/**
 * Request headers that a page may send. There are no cookies: this server has none, and a browser
 * does not send these headers on its own.
 */
const allowedHeaders = 'authorization, content-type, x-tony-project, trpc-accept, last-event-id'

/** Time for which a browser may cache the reply to a preflight, in seconds. */
const maxAgeSeconds = 600

/**
 * Lets pages of the allowed origins read replies. Returns true if the request was a preflight,
 * which is then answered. Other origins get no CORS headers, so the browser withholds the reply
 * from the page.
 */
export function handleCors(checks: RequestChecks, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers
  if (origin === undefined) return false
  const isPreflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers
  if (!checks.isOriginAllowed(request)) {
    if (isPreflight) response.writeHead(403).end()
    return isPreflight
  }
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', exposedHeaders)
  response.setHeader('vary', 'origin')
  if (!isPreflight) return false
  const preflightHeaders = {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': allowedHeaders,
    'access-control-max-age': String(maxAgeSeconds),
  }
  response.writeHead(204, preflightHeaders).end()
  return true
}
