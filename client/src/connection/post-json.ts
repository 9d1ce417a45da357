import { connectFaultOf } from '#runtime'
import {
  clientClosedError,
  deadlineExceededError,
  serverUnreachableError,
  TonyError,
  toTonyError,
} from '../api/errors.ts'
import { faultOfStatus } from './connect-fault.ts'
import { jitteredDelayMsOf, sleep } from './timers.ts'

export interface PostOptions<T> {
  readonly url: string
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
  readonly isReply: (reply: unknown) => reply is T
  /** Deadline including the retries, in milliseconds. */
  readonly withinMs: number
  /**
   * Timeout of one attempt, in milliseconds; the HTTP request is then repeated. Default: the rest
   * of `withinMs`.
   */
  readonly attemptMs?: number
  /** False: rejects at once if no server accepts the connection. Default true. */
  readonly waitsForServer?: boolean
  /** Aborts the HTTP request, which then rejects with CLIENT_CLOSED. */
  readonly signal?: AbortSignal
}

const backoff = { initialMs: 100, maximumMs: 2_000 }

/**
 * True if an error of `fetch` means that no usable reply arrived: there was no connection, the time
 * was up, or the body was not JSON. Any other error is a fault of the call itself.
 */
const isUnreachable = (error: unknown): boolean =>
  error instanceof TypeError ||
  (error instanceof DOMException && error.name === 'TimeoutError') ||
  error instanceof SyntaxError

async function postJsonOnce<T>(options: PostOptions<T>, body: string, leftMs: number): Promise<T> {
  const { url, headers, isReply, attemptMs = leftMs } = options
  const timeUp = AbortSignal.timeout(Math.max(1, Math.ceil(Math.min(leftMs, attemptMs))))
  const signal = options.signal ? AbortSignal.any([options.signal, timeUp]) : timeUp
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal }
  const response = await fetch(url, sent)
  const reply: unknown = await response.json().catch((error: unknown) => {
    const fault = faultOfStatus(response.status)
    throw fault.final ? serverUnreachableError(url, fault) : error
  })
  if (response.ok && isReply(reply)) return reply
  throw toTonyError(typeof reply === 'object' && reply !== null && 'error' in reply ? reply.error : undefined)
}

/**
 * Returns the error that ends a call after a failed attempt; undefined if another attempt may
 * succeed.
 */
function finalErrorOf<T>(error: unknown, { url, signal, waitsForServer }: PostOptions<T>): unknown {
  if (signal?.aborted) return clientClosedError()
  if (error instanceof TonyError) return error.retryable ? undefined : error
  if (!isUnreachable(error)) return error
  const fault = connectFaultOf(error)
  return fault && (fault.final || waitsForServer === false)
    ? serverUnreachableError(url, { ...fault, final: true })
    : undefined
}

/**
 * Posts JSON over HTTP, and again while the server is unreachable. Rejects with TonyError if the
 * server refuses the call, the fault does not pass by itself, or the deadline passes.
 */
export async function postJson<T>(options: PostOptions<T>): Promise<T> {
  const { withinMs, signal } = options
  const body = JSON.stringify(options.body)
  const end = performance.now() + withinMs
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await postJsonOnce(options, body, end - performance.now())
    } catch (error) {
      const final = finalErrorOf(error, options)
      if (final !== undefined) throw final
      const delay = jitteredDelayMsOf(backoff, attempt)
      if (performance.now() + delay >= end) throw error instanceof TonyError ? error : toTimeoutError(error, withinMs)
      await sleep(delay, new Set(), signal)
    }
  }
}

/** The error after the deadline, with the cause of the last failed attempt if it is known. */
function toTimeoutError(error: unknown, withinMs: number): TonyError {
  const fault = connectFaultOf(error)
  return deadlineExceededError(withinMs, fault === undefined, fault?.cause)
}
