import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../../domain/context.ts'

/**
 * Time for which others may cache the public keys, in seconds. A key is published a day before it
 * signs.
 */
const maxAgeSeconds = 300

/**
 * Sends `/.well-known/jwks.json`: the public keys for checking this server's tokens. It is open to
 * all because it contains no secret.
 */
export function sendPublicKeys({ identity }: Services, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  response.writeHead(200, {
    'content-type': 'application/jwk-set+json',
    'cache-control': `public, max-age=${maxAgeSeconds}`,
  })
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify(identity.tokens.keys.toJwks()))
}
