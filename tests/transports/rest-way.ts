import { type RestRoute, restRoutes } from '@tony/mcp-server/api/rest/routes'
import type { Outcome, Way } from './three-ways.ts'

/** Returns the route of a procedure. Throws if it has none. */
export function routeOf(procedure: string): RestRoute {
  const route = restRoutes.find((one) => one.procedure === procedure)
  if (!route) throw new Error(`${procedure} has no route`)
  return route
}

/** Returns the address and the body of a call. The path takes its fields from the input. */
export function requestOf(
  { method, path }: RestRoute,
  input: Readonly<Record<string, unknown>>,
): [string, string | undefined] {
  const rest = { ...input }
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    return encodeURIComponent(String(value))
  })
  if (method !== 'GET') return [filled, JSON.stringify(rest)]
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(rest))
    for (const one of [value].flat()) query.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one))
  return [`${filled}?${query}`, undefined]
}

interface Problem {
  readonly error: {
    readonly message: string
    readonly data: Readonly<Record<string, unknown>>
  }
}

/** Returns the parts by which a caller tells errors apart. */
const errorOf = ({ error: { message, data } }: Problem): Outcome => {
  const { code, httpStatus, retryable, applied, details } = data
  return { error: { message, code, httpStatus, retryable, applied, details } }
}

/** Returns the first event of a stream. */
async function firstEvent(body: ReadableStream<Uint8Array>): Promise<Outcome> {
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part
    const [, event] = /^((?:id: .*\n)?data: .*)\n\n/m.exec(text) ?? []
    if (event === undefined) continue
    const [id, data] = [/^id: (.*)$/m.exec(event)?.[1], JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null')]
    return { data: id === undefined ? data : { id, data } }
  }
  throw new Error(`the stream ended: ${text}`)
}

/** Makes a call in REST. Its input must be an object with the fields of the path. */
export const overRest: Way = async (server, { path, kind, input, token }) => {
  const route = routeOf(path)
  const [address, body] = requestOf(route, JSON.parse(input ?? '{}'))
  const headers = {
    ...(token === 'stranger' ? { origin: 'https://elsewhere.example' } : {}),
    ...(token === undefined || token === 'stranger' ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const reply = await fetch(`${server.url}${address}`, {
    method: route.method,
    headers,
    ...(body === undefined ? {} : { body }),
  })
  if (kind === 'subscription' && reply.ok && reply.body) return firstEvent(reply.body)
  const json = JSON.parse(await reply.text())
  if (!reply.ok) {
    if (json.status !== reply.status) throw new Error(`status ${reply.status} for ${JSON.stringify(json)}`)
    return errorOf(json)
  }
  if (reply.status !== route.status) throw new Error(`status ${reply.status} of ${path}`)
  return { data: json }
}
