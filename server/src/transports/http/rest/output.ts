import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RestRoute } from '../../../api/rest/routes.ts'
import { sendJson } from '../responses.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const pick = (value: unknown, names: ReadonlySet<string>): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).filter(([name]) => names.has(name))) : value

/**
 * Returns the reply with the wanted fields only: of each item if the reply is a page, of the object
 * itself otherwise.
 */
function select(reply: unknown, fields: string | null): unknown {
  if (fields === null || !isObject(reply)) return reply
  const names = new Set(fields.split(','))
  if (!('nextCursor' in reply)) return pick(reply, names)
  const page = Object.entries(reply).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map((item) => pick(item, names)) : value,
  ])
  return Object.fromEntries(page)
}

/** Returns the link to the next page, if the reply has one. */
function linkOf(reply: Record<string, unknown>, url: URL): Record<string, string> {
  const { nextCursor } = reply
  if (typeof nextCursor !== 'string') return {}
  const query = new URLSearchParams(url.search)
  query.set('cursor', nextCursor)
  return { link: `<${url.pathname}?${query}>; rel="next"` }
}

/** Returns the address of a new object, if a path reads it. */
function locationOf(reply: Record<string, unknown>, { status, path, procedure }: RestRoute): Record<string, string> {
  const [noun = ''] = procedure.split('.')
  const id = [reply['id'], reply['agentId'], reply['planId'], reply['keyId']].find((value) => typeof value === 'string')
  if (status !== 201 || id === undefined || !/^(tasks|agents|messages|projects)$/.test(noun)) return {}
  return { location: `${path.replace(/\/register$/, '')}/${id}` }
}

/** Sends the reply of a call with the headers that follow from it. */
export function sendReply(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  route: RestRoute,
  reply: unknown,
  url: URL,
): void {
  if (isObject(reply)) {
    const { revision } = reply
    const etag = typeof revision === 'number' ? `"${revision}"` : undefined
    const headers = {
      ...(etag !== undefined && { etag }),
      ...(route.method === 'GET' && linkOf(reply, url)),
      ...locationOf(reply, route),
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (etag !== undefined && route.method === 'GET' && request.headers['if-none-match'] === etag) {
      response.writeHead(304).end()
      return
    }
  }
  sendJson(response, route.status, select(reply ?? null, url.searchParams.get('fields')))
}
