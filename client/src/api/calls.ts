/** How one call is made. */
export interface CallOptions {
  /** How long the call may take in all, its repeats included, in milliseconds. Default: the client's `deadlineMs`, and `waitMs` of a blocking call or `timeoutMs` of a request on top. */
  readonly deadlineMs?: number
  /** Ends a blocking call early: it then answers with what it has, a request with DEADLINE_EXCEEDED. Others run to their end. */
  readonly signal?: AbortSignal
  /**
   * Sent a single time: a refusal that would pass, as INBOX_FULL, rejects at once, and so does a lost answer, with CONNECTION_LOST. For
   * what would be out of date by the next attempt. It still waits for a connection, and for a token after one that has ended.
   * Default: false, repeated as the procedure allows.
   */
  readonly once?: boolean
}

export interface SubscribeOptions {
  /** Ends the subscription. */
  readonly signal?: AbortSignal
}

/** A live subscription. It outlives disconnects: it resumes from its cursor, without a gap and without a repeat. */
export interface Subscription<T> extends AsyncIterable<T> {
  /** Where it is: after the last thing handed out. Store it, and pass it as `cursor` to go on from there later. */
  readonly cursor: string | undefined
  /** Ends it; the iteration finishes. */
  close(): void
}
