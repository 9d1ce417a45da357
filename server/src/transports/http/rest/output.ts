import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RestRoute } from '../../../api/rest/routes.ts'
import { isRecord } from '../../../platform/is-record.ts'
import { sendJson } from '../responses.ts'
import { selectFields } from './fields.ts'

/** Returns the cursor of the next page, if there is one. */
function nextCursorOf({ nextCursor, cursor, more }: Record<string, unknown>): string | undefined {
  const next = more === true ? cursor : nextCursor
  return typeof next === 'string' ? next : undefined
}

/** Returns the link to the next page, if there is one. */
function linkHeaderOf(reply: Record<string, unknown>, url: URL): Record<string, string> {
  const cursor = nextCursorOf(reply)
  if (cursor === undefined) return {}
  const query = new URLSearchParams(url.search)
  query.set('cursor', cursor)
  return { link: `<${url.pathname}?${query}>; rel="next"` }
}

/** Returns the address of a new object, if a path reads it. */
function locationHeaderOf(
  reply: Record<string, unknown>,
  { status, path, procedure }: RestRoute,
): Record<string, string> {
  const [noun = ''] = procedure.split('.')
  const id = [reply['id'], reply['agentId'], reply['planId'], reply['keyId']].find((value) => typeof value === 'string')
  if (status !== 201 || id === undefined || !/^(tasks|agents|messages|projects)$/.test(noun)) return {}
  return { location: `${path.replace(/\/register$/, '')}/${id}` }
}

/**
 * True if `If-None-Match` names the tag, so the caller has this version already. The header may be
 * a list, because a cache sends every tag that it has. A proxy that compresses a response adds `W/`
 * to its tag, which is ignored here.
 */
export const matchesTag = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)

export interface ReplyOptions {
  readonly route: RestRoute
  readonly url: URL
  /** The selected fields; undefined means all. */
  readonly fields: ReadonlySet<string> | undefined
}

/** Sends the reply of a call with the headers that follow from it. */
export function sendReply(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  reply: unknown,
  { route, url, fields }: ReplyOptions,
): void {
  if (isRecord(reply)) {
    const { revision } = reply
    const etag = typeof revision === 'number' ? `"${revision}"` : undefined
    const headers = {
      ...(etag !== undefined && { etag }),
      ...(route.method === 'GET' && linkHeaderOf(reply, url)),
      ...locationHeaderOf(reply, route),
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (etag !== undefined && route.method === 'GET' && matchesTag(request.headers['if-none-match'], etag)) {
      response.writeHead(304).end()
      return
    }
  }
  sendJson(response, route.status, selectFields(reply ?? null, route, fields))
}
