import type { ServerResponse } from 'node:http'

/** How to authenticate, for every 401. */
export const challenge = 'Bearer realm="tony-mcp"'

/** One JSON answer, unless the other side is gone. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return
  if (status === 401) response.setHeader('www-authenticate', challenge)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
