import { clientClosed, isFinal } from '../api/errors.ts'
import { postJson } from './post-json.ts'
import { maxTimerMs, sleep, type Timer, unrefTimer } from './timers.ts'

/** What a registration gives to stay in with. */
export interface SessionTokens {
  readonly token: string
  readonly refreshToken: string
  /** How long `token` is good from now on, in milliseconds. */
  readonly expiresInMs: number
}

const isTokens = (reply: unknown): reply is SessionTokens =>
  typeof reply === 'object' && reply !== null && 'token' in reply && 'refreshToken' in reply && 'expiresInMs' in reply

/** When the next token is asked for, as a share of the life of this one. */
const refreshFraction = 2 / 3

/** Nearer to its end than this a token is not shown any more: in milliseconds, and at most a tenth of its life. */
const expiryMarginMs = 5_000

const refreshTimeoutMs = 30_000

/** The server gives an answer again for 10 s: one that was lost without a word has to be asked for well before that is over. */
const attemptMs = 3_000

/** Between exchanges that failed, in milliseconds. */
const retryDelayMs = 1_000

/** The access token of a session: exchanged for the next one in time, or when it is needed and has ended. */
export class ClientTokens {
  readonly #url: string
  readonly #onToken: (token: string) => void
  #tokens: SessionTokens
  /** Until when the token is shown. */
  #validUntil = 0
  /** Kept until an exchange is answered: the server gives a lost answer again for the same one. */
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

  /** A token that is good now. Rejects with TonyError when there will be none any more. */
  async current(): Promise<string> {
    for (;;) {
      if (performance.now() < this.#validUntil) return this.#tokens.token
      await this.#refresh()
      // Not reached, or refused by what stands between: without a pause it would be asked again at once.
      if (performance.now() >= this.#validUntil) await sleep(retryDelayMs, new Set(), this.#closing.signal)
    }
  }

  /** The server says that the token has ended, whatever this clock says. */
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
    if (signal.aborted) throw clientClosed()
    const body = { refreshToken: this.#tokens.refreshToken, nonce: this.#nonce }
    try {
      this.#setTokens(
        await postJson({ url: this.#url, body, isReply: isTokens, withinMs: refreshTimeoutMs, attemptMs, signal }),
      )
    } catch (error) {
      if (isFinal(error) || signal.aborted) throw error
      // The next attempt shows the same token with the same nonce.
      return this.#schedule(retryDelayMs)
    }
    if (!signal.aborted) this.#onToken(this.#tokens.token)
  }
}
