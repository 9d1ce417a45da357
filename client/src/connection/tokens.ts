import { clientClosedError, isFinalError } from '../api/errors.ts'
import { postJson } from './post-json.ts'
import { maxTimerMs, sleep, type Timer, unrefTimer } from './timers.ts'

/** The client tokens of a registration. */
export interface SessionTokens {
  /** The access token. */
  readonly token: string
  /** The single-use secret for the next pair of tokens. */
  readonly refreshToken: string
  /** Remaining life of `token`, in milliseconds. */
  readonly expiresInMs: number
}

const isTokens = (reply: unknown): reply is SessionTokens =>
  typeof reply === 'object' && reply !== null && 'token' in reply && 'refreshToken' in reply && 'expiresInMs' in reply

/** Share of a token's life after which it is refreshed. */
const refreshFraction = 2 / 3

/**
 * Time before its end from which a token is no longer used, in milliseconds; at most a tenth of its
 * life.
 */
const expiryMarginMs = 5_000

const refreshTimeoutMs = 30_000

/**
 * Timeout of one attempt to refresh, in milliseconds. The server repeats a lost reply for 10 s, so
 * the client must retry well within that time.
 */
const refreshAttemptMs = 3_000

/** Delay after a failed refresh, in milliseconds. */
const retryDelayMs = 1_000

/**
 * Keeps the access token of a session current: refreshes it in time, or on demand after its end.
 */
export class ClientTokens {
  readonly #url: string
  readonly #onToken: (token: string) => void
  #tokens: SessionTokens
  /** Time until which the token is used, on the clock of `performance`. */
  #validUntil = 0
  /** Kept until a refresh is answered: the server repeats a lost reply only for the same nonce. */
  #nonce: string = crypto.randomUUID()
  #pendingRefresh: Promise<void> | undefined
  #timer: Timer | undefined
  readonly #closing = new AbortController()

  constructor(url: string, tokens: SessionTokens, onToken: (token: string) => void) {
    this.#url = `${url.replace(/\/+$/, '')}/api/auth/refresh`
    this.#onToken = onToken
    this.#tokens = tokens
    this.#setTokens(tokens)
  }

  /** Returns a valid access token. Rejects with TonyError if there will be none any more. */
  async getAccessToken(): Promise<string> {
    for (;;) {
      if (performance.now() < this.#validUntil) return this.#tokens.token
      await this.#refresh()
      // The server was unreachable, or a proxy refused the HTTP request. Without a pause the loop
      // would retry at once.
      if (performance.now() >= this.#validUntil) await sleep(retryDelayMs, new Set(), this.#closing.signal)
    }
  }

  /** Records that the server reports the token as expired, which overrules the local clock. */
  markExpired(): void {
    this.#validUntil = 0
  }

  close(): void {
    this.#closing.abort()
    clearTimeout(this.#timer)
  }

  #setTokens(tokens: SessionTokens): void {
    this.#tokens = tokens
    this.#nonce = crypto.randomUUID()
    const { expiresInMs } = tokens
    this.#validUntil = performance.now() + expiresInMs - Math.min(expiryMarginMs, expiresInMs / 10)
    this.#schedule(expiresInMs * refreshFraction)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = unrefTimer(setTimeout(() => void this.#refresh().catch(() => undefined), Math.min(ms, maxTimerMs)))
  }

  #refresh(): Promise<void> {
    this.#pendingRefresh ??= this.#exchange().finally(() => {
      this.#pendingRefresh = undefined
    })
    return this.#pendingRefresh
  }

  async #exchange(): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) throw clientClosedError()
    const body = { refreshToken: this.#tokens.refreshToken, nonce: this.#nonce }
    try {
      this.#setTokens(
        await postJson({
          url: this.#url,
          body,
          isReply: isTokens,
          withinMs: refreshTimeoutMs,
          attemptMs: refreshAttemptMs,
          signal,
        }),
      )
    } catch (error) {
      if (isFinalError(error) || signal.aborted) throw error
      // The next attempt sends the same refresh token with the same nonce.
      return this.#schedule(retryDelayMs)
    }
    if (!signal.aborted) this.#onToken(this.#tokens.token)
  }
}
