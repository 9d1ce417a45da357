import type { Client } from './client.ts'
import type { Delivery } from './generated/api.ts'

/** What another agent asks. */
export interface IncomingRequest {
  readonly requestId: string
  readonly method: string
  /** Null where there are none. */
  readonly params: unknown
  /** Id of the agent that asks; null for the developer in dev mode. */
  readonly from: string | null
}

/** What it returns is the answer; what it throws is answered as the error `HANDLER_FAILED`. */
export type RequestHandler = (request: IncomingRequest) => unknown

/** The request a message is; undefined for other mail. */
export function requestIn({ type, payload, from }: Delivery): IncomingRequest | undefined {
  if (type !== 'request' || typeof payload !== 'object' || payload === null) return undefined
  const { requestId, method, params = null }: Partial<Record<string, unknown>> = { ...payload }
  if (typeof requestId !== 'string' || typeof method !== 'string') return undefined
  return { requestId, method, params, from }
}

/** Has a request answered, which acks its message. */
export async function answer(client: Client, handler: RequestHandler, request: IncomingRequest): Promise<void> {
  const { requestId } = request
  const outcome = await Promise.resolve(request)
    .then(handler)
    .then(
      (result) => ({ result }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        return { error: { code: 'HANDLER_FAILED', message: message.slice(0, 4_096) } }
      },
    )
  await client.requests.reply({ requestId, ...outcome })
}
