/** Options of one call. */
export interface CallOptions {
  /**
   * Deadline for the call including its retries, in milliseconds. Default: the client's
   * `deadlineMs`, plus the `waitMs` of a blocking call or the `timeoutMs` of a request.
   */
  readonly deadlineMs?: number
  /**
   * Ends a blocking call early. Over a socket it then resolves with its results to date, and a
   * request rejects with DEADLINE_EXCEEDED. Over HTTP it rejects with CONNECTION_LOST. Other calls
   * run to their end.
   */
  readonly signal?: AbortSignal
  /**
   * Sends the call a single time, for input that would be outdated by the next attempt. A temporary
   * refusal such as INBOX_FULL rejects at once, and a lost reply rejects with CONNECTION_LOST. The
   * call still waits for a connection and for the refresh of an expired token. Default: false,
   * which repeats the call as its procedure allows.
   */
  readonly once?: boolean
}

/** Options of one subscription. */
export interface SubscribeOptions {
  /** Ends the subscription. */
  readonly signal?: AbortSignal
}

/**
 * A live subscription. It survives disconnects and resumes from its cursor without gaps or repeats.
 */
export interface Subscription<T> extends AsyncIterable<T> {
  /**
   * Cursor of the last item handed out; undefined before the first. Store it and pass it as
   * `cursor` to continue later.
   */
  readonly cursor: string | undefined
  /** Ends the subscription; its loop finishes. */
  close(): void
}
