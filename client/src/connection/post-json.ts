import { clientClosedError, deadlineExceededError, TonyError, toTonyError } from '../api/errors.ts'
import { jitteredDelayMs, sleep } from './timers.ts'

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
  /** Aborts the HTTP request, which then rejects with CLIENT_CLOSED. */
  readonly signal?: AbortSignal
}

const backoff = { initialMs: 100, maximumMs: 2_000 }

/**
 * True if the error means that `fetch` got no reply. Any other error is a fault of the call itself.
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
  const reply: unknown = await response.json()
  if (response.ok && isReply(reply)) return reply
  throw toTonyError(typeof reply === 'object' && reply !== null && 'error' in reply ? reply.error : undefined)
}

/**
 * Posts JSON over HTTP, and again while the server is unreachable. Rejects with TonyError if the
 * server refuses the call or the deadline passes.
 */
export async function postJson<T>(options: PostOptions<T>): Promise<T> {
  const { withinMs, signal } = options
  const body = JSON.stringify(options.body)
  const end = performance.now() + withinMs
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await postJsonOnce(options, body, end - performance.now())
    } catch (error) {
      if (signal?.aborted) throw clientClosedError()
      if (error instanceof TonyError ? !error.retryable : !isUnreachable(error)) throw error
      const delay = jitteredDelayMs(backoff, attempt)
      if (performance.now() + delay >= end)
        throw error instanceof TonyError ? error : deadlineExceededError(withinMs, true)
      await sleep(delay, new Set(), signal)
    }
  }
}
