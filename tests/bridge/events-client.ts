import { z } from 'zod'

interface Addressed {
  readonly url: string
}

const headersOf = (token?: string) => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
  ...(token !== undefined && { authorization: `Bearer ${token}` }),
})

const reply = z.looseObject({
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
})

/** Makes one call of MCP and returns its reply. Throws TypeError for a reply without a body. */
export async function rpc(server: Addressed, method: string, params: object, token?: string) {
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { ...headersOf(token), accept: 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const text = await response.text()
  if (text === '') throw new TypeError(`the reply with the status ${response.status} has no body`)
  return reply.parse(JSON.parse(text))
}

const pollResult = z.object({
  events: z.array(
    z.object({
      eventId: z.string(),
      name: z.string(),
      data: z.object({ seq: z.number(), subject: z.string().nullable() }),
    }),
  ),
  cursor: z.string(),
  truncated: z.boolean(),
  hasMore: z.boolean(),
})

/** Polls once. Fails the test for an error. */
export async function poll(server: Addressed, params: object) {
  const { result, error } = await rpc(server, 'events/poll', params)
  if (error) throw new Error(error.message)
  return pollResult.parse(result)
}

const notification = z.looseObject({ method: z.string().optional(), params: z.looseObject({}).optional() })

/** Opens a stream, and returns a function that reads its next message. */
export async function openStream(server: Addressed, params: object) {
  const leaving = new AbortController()
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: headersOf(),
    body: JSON.stringify({ jsonrpc: '2.0', id: 'stream 1', method: 'events/stream', params }),
    signal: leaving.signal,
  })
  const reader = response.body?.getReader()
  let text = ''
  const next = async () => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const frame = text.slice(0, end)
        text = text.slice(end + 2)
        return notification.parse(JSON.parse(frame.replace(/^data: /, '')))
      }
      const { value, done } = (await reader?.read()) ?? { done: true }
      if (done || !value) throw new Error(`the stream ended: ${text}`)
      text += new TextDecoder().decode(value)
    }
  }
  return { next, [Symbol.dispose]: () => leaving.abort() }
}
