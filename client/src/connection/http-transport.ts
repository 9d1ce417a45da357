import { isConnectError } from '#host'
import {
  callAborted,
  clientClosed,
  connectionLost,
  deadlineExceeded,
  fromWire,
  payloadTooLarge,
  serverUnreachable,
  TonyError,
  toMaybeApplied,
} from '../api/errors.ts'
import type { ConnectionParams, ConnectionTimeouts } from './connection.ts'
import { acquireSlot } from './request-pool.ts'
import { maxTimerMs } from './timers.ts'
import { type Attempt, type Transport, waitOf } from './transport.ts'

export interface HttpTransportOptions {
  /** `http://host:port` */
  readonly url: string
  /** What the server is told of the caller with each request. Rejects when there is nothing to be told any more. */
  readonly getConnectionParams: () => Promise<ConnectionParams>
  readonly onExpired: (() => void) | undefined
  readonly timeouts: ConnectionTimeouts
  /** Whether the last request was answered. */
  readonly onReachable: (reached: boolean, reason: string | undefined) => void
  /** The credential has ended for good. */
  readonly onEnded: (error: TonyError) => void
}

/** How the caller is told to HTTP. */
export const headersOf = ({ token, project }: ConnectionParams): Record<string, string> => ({
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  ...(project === undefined ? {} : { 'x-tony-project': project }),
})

/** The longest address: the server takes headers of 16 384 bytes in all, and the token is one of them. */
const maxUrlLength = 12_000

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** What was answered; an error of no form of ours, a proxy's, where it is not JSON. */
async function replyOf(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    return { error: undefined }
  }
}

interface TimedAbort {
  readonly signal: AbortSignal
  readonly abort: () => void
  /** Leaves nothing behind. */
  readonly dispose: () => void
}

/** A signal that is aborted with another or after a time. */
export function createTimedAbort(outer: AbortSignal | undefined, afterMs: number): TimedAbort {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const timer = setTimeout(abort, Math.min(Math.max(0, afterMs), maxTimerMs))
  if (outer?.aborted) abort()
  else outer?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    abort,
    dispose: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', abort)
    },
  }
}

/** Rejects as soon as a signal says that nobody waits any more. */
function rejectOnAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(new Error('nobody waits any more'))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}

/** The address and the rest of a request for a call. */
function requestOf(url: string, { path, kind, input }: Attempt): [string, RequestInit] {
  const at = `${url}/trpc/${path}`
  const body = JSON.stringify(input)
  if (kind === 'mutation') return [at, { method: 'POST', headers: { 'content-type': 'application/json' }, body }]
  const address = `${at}?input=${encodeURIComponent(body)}`
  if (address.length > maxUrlLength) throw payloadTooLarge(address.length, maxUrlLength)
  return [address, { method: 'GET' }]
}

/** What a request that failed means for its call. */
function toCallError(error: unknown, { signal, deadlineMs, end }: Attempt, closing: AbortSignal): TonyError {
  if (error instanceof TonyError) return error
  if (closing.aborted) return toMaybeApplied(clientClosed())
  if (signal?.aborted) return callAborted()
  if (performance.now() >= end - 1) return deadlineExceeded(deadlineMs, true)
  return isConnectError(error) ? serverUnreachable() : connectionLost()
}

/** What is to be known of the connection and the credential from an error. */
function reportCallError(
  explained: TonyError,
  error: unknown,
  { onExpired, onEnded, onReachable }: HttpTransportOptions,
): void {
  const { code } = explained
  if (code === 'TOKEN_EXPIRED') onExpired?.()
  if (code === 'TOKEN_REVOKED' || code === 'STALE_INCARNATION') onEnded(explained)
  if (explained !== error && code === 'CONNECTION_LOST' && explained.message !== callAborted().message)
    onReachable(false, error instanceof Error ? error.message : String(error))
}

/** Sends one call as one request, and gives its result. Throws what the reply says, or what kept it from coming. */
async function sendRequest(call: Attempt, options: HttpTransportOptions, signal: AbortSignal): Promise<unknown> {
  const { url, getConnectionParams, onReachable } = options
  const [address, init] = requestOf(url, call)
  const headers = { ...init.headers, ...headersOf(await rejectOnAbort(getConnectionParams(), signal)) }
  const response = await fetch(address, { ...init, headers, signal })
  const reply = await replyOf(response)
  onReachable(true, undefined)
  if (isRecord(reply) && isRecord(reply['result'])) return reply['result']['data']
  throw fromWire(isRecord(reply) ? reply['error'] : undefined)
}

/** Calls over HTTP, one request each, over the connections `fetch` keeps for the whole process. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const { url, timeouts } = options
  const closing = new AbortController()
  const inFlight = new Set<() => void>()
  closing.signal.addEventListener('abort', () => {
    for (const end of inFlight) end()
  })

  const attempt = async (call: Attempt): Promise<unknown> => {
    if (closing.signal.aborted) throw clientClosed()
    const leftMs = call.end - performance.now()
    // A call without an answer for longer than it should take is taken for lost, while there is time for another.
    const answerMs = waitOf(call) + timeouts.pingMs + timeouts.pongMs
    const { signal, abort, dispose } = createTimedAbort(
      waitOf(call) > 0 ? call.signal : undefined,
      Math.min(leftMs, answerMs),
    )
    inFlight.add(abort)
    const releaseSlot = waitOf(call) > 0 ? () => undefined : await acquireSlot(url, signal)
    try {
      return await sendRequest(call, options, signal)
    } catch (error) {
      const explained = toCallError(error, call, closing.signal)
      reportCallError(explained, error, options)
      throw explained
    } finally {
      releaseSlot()
      dispose()
      inFlight.delete(abort)
    }
  }

  return {
    reportsLossPerCall: true,
    /** What the server takes in the body of a request. */
    maxBytes: 262_144,
    get isOpen() {
      return !closing.signal.aborted
    },
    whenOpen: async () => {
      if (closing.signal.aborted) throw clientClosed()
      return true
    },
    attempt,
    close: () => closing.abort(),
  }
}
