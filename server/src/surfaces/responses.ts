import type { ServerResponse } from 'node:http'

/** One JSON answer, unless the other side is gone. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return
  if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="tony-mcp"')
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
