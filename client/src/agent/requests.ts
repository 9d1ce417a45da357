import type { Client } from '../api/client.ts'
import { shareClass } from '../api/shared-class.ts'
import type { Delivery } from '../generated/api.ts'
import { errorTextOf, isPayloadRejected } from './error-text.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

/** A request from another agent. */
export interface IncomingRequest {
  /** Id of the request, for `Agent.reply`. */
  readonly requestId: string
  /** The method, which is a capability of this agent. */
  readonly method: string
  /** Null if the request has none. */
  readonly params: unknown
  /** Id of the requesting agent; null for the developer of dev mode. */
  readonly from: string | null
}

/** Options of `Agent.request`. */
export interface RequestOptions {
  /**
   * Id or name of the agent to ask. Default: the least busy agent with `method` as a capability.
   */
  readonly target?: string
  /** Deadline for the reply, in milliseconds: 100 to 60 000, default 30 000. */
  readonly timeoutMs?: number
  /** Ends the wait early; the request then rejects with DEADLINE_EXCEEDED. */
  readonly signal?: AbortSignal
}

/**
 * The error that the other agent sent instead of a result.
 *
 * @example
 * ```ts
 * const result = await agent.request('add', [2, 3]).catch((error) => {
 *   if (error instanceof RequestError) return error.code
 *   throw error
 * })
 * ```
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** A word chosen by the other agent; `HANDLER_FAILED` if its handler threw. */
  readonly code: string
  readonly requestId: string
  /** Id of the agent that replied. */
  readonly agentId: string

  constructor(message: string, { code, requestId, agentId }: Pick<RequestError, 'code' | 'requestId' | 'agentId'>) {
    super(message)
    this.code = code
    this.requestId = requestId
    this.agentId = agentId
  }
}

shareClass(RequestError, 'RequestError')

/**
 * Sends a request to an agent and returns its result. Rejects with RequestError if that agent
 * replied with an error and with TonyError if no reply came.
 */
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
    message: 'the agent replied with an error without details',
  }
  throw new RequestError(message, { code, requestId, agentId })
}

/**
 * Handles a request. The return value is the reply; an exception becomes a reply with the error
 * `HANDLER_FAILED`.
 */
export type RequestHandler = (request: IncomingRequest) => unknown

/** Returns the request in a message; undefined for a message of another type. */
export function toIncomingRequest({ type, payload, from }: Delivery): IncomingRequest | undefined {
  if (type !== 'request' || typeof payload !== 'object' || payload === null) return undefined
  const { requestId, method, params = null }: Partial<Record<string, unknown>> = { ...payload }
  if (typeof requestId !== 'string' || typeof method !== 'string') return undefined
  return { requestId, method, params, from }
}

const toHandlerFailure = (message: string) => ({ error: { code: 'HANDLER_FAILED', message } })

type ReplyBody = Omit<Parameters<Client['requests']['reply']>[0], 'requestId'>

/**
 * Replies to a request. If the server rejects the reply itself, sends that error as the reply, so
 * that the requester does not wait until its deadline.
 */
export async function replyToRequest(client: Client, requestId: string, answer: ReplyBody): Promise<void> {
  try {
    await client.requests.reply({ requestId, ...answer })
  } catch (error) {
    if (!isPayloadRejected(error)) throw error
    await client.requests.reply({
      requestId,
      ...toHandlerFailure(`the reply was rejected: ${errorTextOf(error, 1_000)}`),
    })
  }
}

/** Runs the handler of a request and sends the reply, which also acks the message. */
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
