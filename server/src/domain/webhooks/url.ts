import { CoordinationError } from '@tony/mcp-shared/errors'

const refuseUrl = (message: string): never => {
  throw new CoordinationError('INVALID_INPUT', `url: ${message}`)
}

/**
 * Returns the normal form of the URL of an endpoint. Throws INVALID_INPUT for a scheme other than
 * `https` and `http`, and for a URL with a name, a password or a fragment.
 */
export function parseEndpointUrl(text: string): URL {
  const url = URL.parse(text) ?? refuseUrl('not a URL; pass https://HOST/PATH')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuseUrl('must begin with https://')
  if (url.username !== '' || url.password !== '') refuseUrl('must not have a name or a password')
  if (url.hash !== '') refuseUrl('must not have a fragment (#)')
  return url
}

/** Returns a URL for events and logs: its query may be a secret. */
export function publicUrlOf(text: string): string {
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}
