import type { Client } from '../api/client.ts'
import type { Delivery } from '../generated/api.ts'
import { errorTextOf, isPayloadRejected } from './error-text.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

/** What another agent asks. */
export interface IncomingRequest {
  readonly requestId: string
  readonly method: string
  /** Null where there are none. */
  readonly params: unknown
  /** Id of the agent that asks; null for the developer in dev mode. */
  readonly from: string | null
}

export interface RequestOptions {
  /** Id or name of the agent to ask. Default: the least busy one that has `method` as a capability. */
  readonly target?: string
  /** How long to wait for the answer, in milliseconds: 100 to 60 000, default 30 000. */
  readonly timeoutMs?: number
  /** Stops waiting: rejects with DEADLINE_EXCEEDED. */
  readonly signal?: AbortSignal
}

/** What the agent that was asked answered instead of a result. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** Of its own choice; `HANDLER_FAILED` where its handler threw. */
  readonly code: string
  readonly requestId: string
  /** Id of the agent that answered. */
  readonly agentId: string

  constructor(message: string, { code, requestId, agentId }: Pick<RequestError, 'code' | 'requestId' | 'agentId'>) {
    super(message)
    this.code = code
    this.requestId = requestId
    this.agentId = agentId
  }
}

/** Asks an agent and gives its result. Rejects with RequestError when it answered with an error, with TonyError when it did not. */
export async function sendRequest(
  client: Client,
  method: string,
  params: unknown,
  { target, timeoutMs, signal }: RequestOptions,
): Promise<unknown> {
  const { ok, result, error, requestId, agentId } = await client.requests.route(
    {
      method,
      ...(params === undefined ? {} : { params }),
      ...(target === undefined ? {} : { target }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
    signal === undefined ? {} : { signal },
  )
  if (ok) return result
  const { code, message } = error ?? {
    code: 'UNKNOWN',
    message: 'the agent answered with an error and did not say which',
  }
  throw new RequestError(message, { code, requestId, agentId })
}

/** What it returns is the answer; what it throws is answered as the error `HANDLER_FAILED`. */
export type RequestHandler = (request: IncomingRequest) => unknown

/** The request a message is; undefined for other mail. */
export function toIncomingRequest({ type, payload, from }: Delivery): IncomingRequest | undefined {
  if (type !== 'request' || typeof payload !== 'object' || payload === null) return undefined
  const { requestId, method, params = null }: Partial<Record<string, unknown>> = { ...payload }
  if (typeof requestId !== 'string' || typeof method !== 'string') return undefined
  return { requestId, method, params, from }
}

const toHandlerFailure = (message: string) => ({ error: { code: 'HANDLER_FAILED', message } })

type ReplyBody = Omit<Parameters<Client['requests']['reply']>[0], 'requestId'>

/** Answers a request. Where the answer itself is refused, that is the answer: its caller is not to wait for none. */
export async function replyToRequest(client: Client, requestId: string, answer: ReplyBody): Promise<void> {
  try {
    await client.requests.reply({ requestId, ...answer })
  } catch (error) {
    if (!isPayloadRejected(error)) throw error
    await client.requests.reply({
      requestId,
      ...toHandlerFailure(`the answer was not taken: ${errorTextOf(error, 1_000)}`),
    })
  }
}

/** Has a request answered, which acks its message. */
export async function answerRequest(
  client: Client,
  handler: RequestHandler,
  request: IncomingRequest,
  observe: WorkObserver,
): Promise<void> {
  const { requestId } = request
  const outcome = await measureWork(observe, () => handler(request)).then(
    (result) => ({ result }),
    (error: unknown) => {
      return toHandlerFailure(errorTextOf(error, 4_096))
    },
  )
  await replyToRequest(client, requestId, outcome)
}
