import { connectFaultOf } from '#runtime'
import {
  callAbortedError,
  clientClosedError,
  connectionLostError,
  deadlineExceededError,
  payloadTooLargeError,
  serverUnreachableError,
  TonyError,
  toMaybeAppliedError,
  toTonyError,
} from '../api/errors.ts'
import { isRecord } from '../api/is-record.ts'
import { faultOfStatus } from './connect-fault.ts'
import type { ConnectionParams, ConnectionTimeouts } from './connection.ts'
import { acquireSlot } from './request-pool.ts'
import { maxTimerMs } from './timers.ts'
import { blockingMsOf, type CallAttempt, type Transport } from './transport.ts'

export interface HttpTransportOptions {
  /** `http://host:port` */
  readonly url: string
  /**
   * Returns the token and the project for each HTTP request. Rejects if the credential has ended
   * for good.
   */
  readonly getConnectionParams: () => Promise<ConnectionParams>
  readonly onExpired: (() => void) | undefined
  readonly timeouts: ConnectionTimeouts
  /** False: a call fails at once if no server accepts its connection. */
  readonly waitsForServer: boolean
  /** Called after each HTTP request with true if it was answered. */
  readonly onReachable: (reached: boolean, reason: string | undefined) => void
  /** Called when the credential has ended for good. */
  readonly onEnded: (error: TonyError) => void
}

/** Returns the HTTP headers that identify the caller. */
export const callerHeadersOf = ({ token, project }: ConnectionParams): Record<string, string> => ({
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  ...(project === undefined ? {} : { 'x-tony-project': project }),
})

/**
 * Longest URL of a query, in characters. The server accepts 16 384 bytes of headers in all, and the
 * token is one of them.
 */
const maxUrlLength = 12_000

/**
 * Returns the parsed reply. If the body is not JSON and a proxy may have sent it, returns an error
 * without data. Otherwise another kind of server replied, and the function throws.
 */
async function readReply(response: Response, url: string): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    const fault = faultOfStatus(response.status)
    if (fault.final) throw serverUnreachableError(url, fault)
    return { error: undefined }
  }
}

interface TimedAbort {
  readonly signal: AbortSignal
  readonly abort: () => void
  /** Clears the timer and removes the listener. */
  readonly dispose: () => void
}

/** Creates a signal that aborts with another signal or after a time. */
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

/** Rejects as soon as the signal aborts. */
function rejectOnAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(new Error('the call was aborted'))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}

/** Returns the URL and the options of the HTTP request for a call. */
function httpRequestOf(url: string, { path, kind, input }: CallAttempt): [string, RequestInit] {
  const at = `${url}/trpc/${path}`
  const body = JSON.stringify(input)
  if (kind === 'mutation') return [at, { method: 'POST', headers: { 'content-type': 'application/json' }, body }]
  const address = `${at}?input=${encodeURIComponent(body)}`
  if (address.length > maxUrlLength) throw payloadTooLargeError(address.length, maxUrlLength)
  return [address, { method: 'GET' }]
}

/** Converts a failed HTTP request to the error of its call. */
function toCallError(
  error: unknown,
  { signal, deadlineMs, end }: CallAttempt,
  closing: AbortSignal,
  { url, waitsForServer }: HttpTransportOptions,
): TonyError {
  if (error instanceof TonyError) return error
  if (closing.aborted) return toMaybeAppliedError(clientClosedError())
  if (signal?.aborted) return callAbortedError()
  if (performance.now() >= end - 1) return deadlineExceededError(deadlineMs, true)
  const fault = connectFaultOf(error)
  if (!fault) return connectionLostError()
  return serverUnreachableError(url, { ...fault, final: fault.final || !waitsForServer })
}

/** Reports the state of the connection and of the credential that follows from an error. */
function reportCallError(
  explained: TonyError,
  error: unknown,
  { onExpired, onEnded, onReachable }: HttpTransportOptions,
): void {
  const { code } = explained
  if (code === 'TOKEN_EXPIRED') onExpired?.()
  if (code === 'TOKEN_REVOKED' || code === 'STALE_INCARNATION') onEnded(explained)
  if (explained !== error && code === 'CONNECTION_LOST' && explained.message !== callAbortedError().message)
    onReachable(false, error instanceof Error ? error.message : String(error))
}

/**
 * Sends one call as one HTTP request and returns its result. Throws the error in the reply, or the
 * error that prevented a reply.
 */
async function sendHttpRequest(
  call: CallAttempt,
  options: HttpTransportOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const { url, getConnectionParams, onReachable } = options
  const [address, init] = httpRequestOf(url, call)
  const headers = { ...init.headers, ...callerHeadersOf(await rejectOnAbort(getConnectionParams(), signal)) }
  const response = await fetch(address, { ...init, headers, signal })
  const reply = await readReply(response, url)
  onReachable(true, undefined)
  if (isRecord(reply) && isRecord(reply['result'])) return reply['result']['data']
  throw toTonyError(isRecord(reply) ? reply['error'] : undefined)
}

/**
 * Creates a transport with one HTTP request for each call, over the connections that `fetch` keeps
 * for the whole process.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const { url, timeouts } = options
  const closing = new AbortController()
  const inFlight = new Set<() => void>()
  closing.signal.addEventListener('abort', () => {
    for (const end of inFlight) end()
  })

  const attempt = async (call: CallAttempt): Promise<unknown> => {
    if (closing.signal.aborted) throw clientClosedError()
    const leftMs = call.end - performance.now()
    // A call without a reply within its usual time counts as lost, which leaves time for another
    // attempt.
    const answerMs = blockingMsOf(call) + timeouts.pingMs + timeouts.pongMs
    const { signal, abort, dispose } = createTimedAbort(
      blockingMsOf(call) > 0 ? call.signal : undefined,
      Math.min(leftMs, answerMs),
    )
    inFlight.add(abort)
    const releaseSlot = blockingMsOf(call) > 0 ? () => undefined : await acquireSlot(url, signal)
    try {
      return await sendHttpRequest(call, options, signal)
    } catch (error) {
      const explained = toCallError(error, call, closing.signal, options)
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
    /** Largest body of an HTTP request that the server accepts, in bytes. */
    maxBytes: 262_144,
    get isOpen() {
      return !closing.signal.aborted
    },
    whenOpen: async () => {
      if (closing.signal.aborted) throw clientClosedError()
      return true
    },
    attempt,
    close: () => closing.abort(),
  }
}
