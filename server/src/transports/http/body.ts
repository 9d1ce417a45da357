import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'

/**
 * Collects the body with listeners. Leaving an async iteration over the request early would destroy
 * the connection, and the reply with it.
 */
const readBytes = (request: IncomingMessage, limit: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else
        reject(
          new CoordinationError('PAYLOAD_TOO_LARGE', `the body is larger than ${limit} bytes (MCP_LIMIT_BODY_BYTES)`),
        )
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', reject)
  })

/** Returns the bytes of a request's body, or the limit if the request does not tell. */
export function bodyBytesOf({ headers }: IncomingMessage, limit: number): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : limit
}

/**
 * Reads the JSON body of a request. Throws UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE or
 * INVALID_INPUT.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<unknown> {
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new CoordinationError('UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON: send Content-Type: application/json')
  const bytes = await readBytes(request, limit)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new CoordinationError('INVALID_INPUT', 'the body is not JSON')
  }
}
