import type { Client, Delivery } from '@tony/mcp-client'
import { receiveOne } from './given.ts'

export interface Asked {
  readonly requestId: string
  readonly method: string
  readonly params: unknown
}

/**
 * Returns the next request in an agent's inbox once it has arrived. Fails the test for any other
 * message.
 */
export async function nextRequest(agent: Client): Promise<{ asked: Asked; message: Delivery }> {
  const message = await receiveOne(agent, { waitMs: 60_000 })
  const { payload } = message
  if (message.type !== 'request' || typeof payload !== 'object' || payload === null || !('requestId' in payload))
    throw new Error(`expected a request, got ${message.type}`)
  const { requestId, method, params }: Record<string, unknown> = { method: '', params: null, ...payload }
  return { asked: { requestId: String(requestId), method: String(method), params }, message }
}

/**
 * Resolves once the request of `call` has been routed, which happens before the server waits for
 * the reply.
 */
export async function routed(lead: Client, count = 1): Promise<void> {
  let seen = 0
  for await (const _ of lead.events.subscribe({ cursor: 'start', types: ['request.routed'] })) {
    seen += 1
    if (seen === count) return
  }
}
