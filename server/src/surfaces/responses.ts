import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorPolicies } from '@tony/mcp-shared/errors'
import { errorShape, toCoordinationError } from '../api/errors.ts'
import type { Parts } from '../context.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Gate } from './gate.ts'

/** What every request is answered with. */
export interface Surroundings {
  readonly parts: Parts
  readonly log: Log
  readonly metrics: Metrics
  readonly gate: Gate
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

/** How to authenticate, for every 401. */
export const challenge = 'Bearer realm="tony-mcp"'

/** When to come again, in whole seconds as HTTP has it. */
export const retryHeaders = (retryAfterMs: unknown): Readonly<Record<string, string>> =>
  typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } : {}

/** One JSON answer, unless the other side is gone. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return
  if (status === 401) response.setHeader('www-authenticate', challenge)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** The same for what went wrong. */
export function sendError(response: ServerResponse, error: unknown, requestId: string): void {
  if (response.headersSent) return
  const { code, details } = toCoordinationError(error)
  for (const [name, value] of Object.entries(retryHeaders(details?.['retryAfterMs']))) response.setHeader(name, value)
  // The rest of such a body is not read.
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
  sendJson(response, errorPolicies[code].http, { error: errorShape(error, requestId) })
}
