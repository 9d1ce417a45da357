import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestChecks } from './request-checks.ts'

/** What a page may read of an answer besides its body. */
const exposedHeaders = 'RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate'

/** What it may send. Never cookies: this server has none, and a header is not sent by a browser of its own accord. */
const allowedHeaders = 'authorization, content-type, x-tony-project, trpc-accept, last-event-id'

/** How long a browser may keep the answer to a preflight, in seconds. */
const maxAge = 600

/**
 * Lets pages of the allowed origins read what they are answered. True when the request was a preflight, which is answered
 * with this. Nobody else is told anything: without these headers a browser keeps the answer from the page.
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
    'access-control-max-age': String(maxAge),
  }
  response.writeHead(204, preflightHeaders).end()
  return true
}
