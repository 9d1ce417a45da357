import { deadlineExceeded, fromWire, TonyError } from './errors.ts'

export interface Post<T> {
  readonly url: string
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
  readonly isReply: (reply: unknown) => reply is T
  /** In milliseconds. */
  readonly withinMs: number
}

/** How fetch says that there was no answer; anything else it throws is a fault of the call itself. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof TypeError ||
  (error instanceof DOMException && error.name === 'TimeoutError') ||
  error instanceof SyntaxError

async function postOnce<T>({ url, headers, isReply }: Post<T>, body: string, signal: AbortSignal): Promise<T> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal }
  const response = await fetch(url, sent)
  const reply: unknown = await response.json()
  if (response.ok && isReply(reply)) return reply
  throw fromWire(typeof reply === 'object' && reply !== null && 'error' in reply ? reply.error : undefined)
}

/** One call over plain HTTP, repeated while the server cannot be reached. Rejects with TonyError when it refuses. */
export async function post<T>(what: Post<T>): Promise<T> {
  const { withinMs } = what
  const body = JSON.stringify(what.body)
  const end = performance.now() + withinMs
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await postOnce(what, body, AbortSignal.timeout(Math.max(1, Math.ceil(end - performance.now()))))
    } catch (error) {
      if (error instanceof TonyError ? !error.retryable : !isUnreachable(error)) throw error
      const delay = Math.random() * Math.min(2_000, 100 * 2 ** attempt)
      if (performance.now() + delay >= end) throw error instanceof TonyError ? error : deadlineExceeded(withinMs, true)
      await new Promise((resolve) => setTimeout(resolve, delay))
    }
  }
}
