import type { ServerResponse } from 'node:http'

/** On every answer. Nothing here is a page: a browser that is made to show one gets nothing to run, frame or keep. */
export const securityHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
]

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
