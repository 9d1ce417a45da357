import { neverLeft } from '#host'
import {
  clientClosed,
  connectionLost,
  deadlineExceeded,
  fromWire,
  givenUp,
  TonyError,
  tooLarge,
  unreachable,
  unsure,
} from '../api/errors.ts'
import type { Hello, Patience } from './connection.ts'
import { enterPool } from './request-pool.ts'
import { longestMs } from './timers.ts'
import { type Attempt, type Line, waitOf } from './transport.ts'

export interface HttpOptions {
  /** `http://host:port` */
  readonly url: string
  /** What the server is told of the caller with each request. Rejects when there is nothing to be told any more. */
  readonly hello: () => Promise<Hello>
  readonly onExpired: (() => void) | undefined
  readonly patience: Patience
  /** Whether the last request was answered. */
  readonly onReached: (reached: boolean, reason: string | undefined) => void
  /** The credential has ended for good. */
  readonly onEnded: (error: TonyError) => void
}

/** How the caller is told to HTTP. */
export const headersOf = ({ token, project }: Hello): Record<string, string> => ({
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

interface Ending {
  readonly signal: AbortSignal
  readonly abort: () => void
  /** Leaves nothing behind. */
  readonly done: () => void
}

/** A signal that is aborted with another or after a time. */
export function ending(outer: AbortSignal | undefined, afterMs: number): Ending {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const timer = setTimeout(abort, Math.min(Math.max(0, afterMs), longestMs))
  if (outer?.aborted) abort()
  else outer?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    abort,
    done: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', abort)
    },
  }
}

/** Rejects as soon as a signal says that nobody waits any more. */
function unlessEnded<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
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
  if (address.length > maxUrlLength) throw tooLarge(address.length, maxUrlLength)
  return [address, { method: 'GET' }]
}

/** What a request that failed means for its call. */
function explain(error: unknown, { signal, deadlineMs, end }: Attempt, closing: AbortSignal): TonyError {
  if (error instanceof TonyError) return error
  if (closing.aborted) return unsure(clientClosed())
  if (signal?.aborted) return givenUp()
  if (performance.now() >= end - 1) return deadlineExceeded(deadlineMs, true)
  return neverLeft(error) ? unreachable() : connectionLost()
}

/** What is to be known of the connection and the credential from an error. */
function note(explained: TonyError, error: unknown, { onExpired, onEnded, onReached }: HttpOptions): void {
  const { code } = explained
  if (code === 'TOKEN_EXPIRED') onExpired?.()
  if (code === 'TOKEN_REVOKED' || code === 'STALE_INCARNATION') onEnded(explained)
  if (explained !== error && code === 'CONNECTION_LOST' && explained.message !== givenUp().message)
    onReached(false, error instanceof Error ? error.message : String(error))
}

/** Calls over HTTP, one request each, over the connections `fetch` keeps for the whole process. */
export function httpLine(options: HttpOptions): Line {
  const { url, hello, patience, onReached } = options
  const closing = new AbortController()
  const inFlight = new Set<() => void>()
  closing.signal.addEventListener('abort', () => {
    for (const end of inFlight) end()
  })

  const attempt = async (call: Attempt): Promise<unknown> => {
    if (closing.signal.aborted) throw clientClosed()
    const [address, init] = requestOf(url, call)
    const leftMs = call.end - performance.now()
    // One that is not answered for longer than it should take is taken for lost, while there is time for another.
    const answerMs = waitOf(call) + patience.pingMs + patience.pongMs
    const { signal, abort, done } = ending(waitOf(call) > 0 ? call.signal : undefined, Math.min(leftMs, answerMs))
    inFlight.add(abort)
    const leave = waitOf(call) > 0 ? () => undefined : await enterPool(url, signal)
    try {
      const headers = { ...init.headers, ...headersOf(await unlessEnded(hello(), signal)) }
      const response = await fetch(address, { ...init, headers, signal })
      const reply = await replyOf(response)
      onReached(true, undefined)
      if (isRecord(reply) && isRecord(reply['result'])) return reply['result']['data']
      throw fromWire(isRecord(reply) ? reply['error'] : undefined)
    } catch (error) {
      const explained = explain(error, call, closing.signal)
      note(explained, error, options)
      throw explained
    } finally {
      leave()
      done()
      inFlight.delete(abort)
    }
  }

  return {
    losesCalls: true,
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
