import { isRecord } from '../api/is-record.ts'

/** One attempt of a call. */
export interface CallAttempt {
  readonly path: string
  readonly kind: 'query' | 'mutation'
  readonly input: unknown
  /** `{ path, input }` as JSON. */
  readonly params: string
  /** Deadline of the reply, on the clock of `performance`. */
  readonly end: number
  /** Total time that the caller allowed, in milliseconds, for the error text. */
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** True if the call must not be repeated after a lost reply. */
  readonly once: boolean
}

/** A transport of calls. */
export interface Transport {
  /** True if a call can be sent at once, to the knowledge of the client. */
  readonly isOpen: boolean
  /** Largest `params`, in bytes. */
  readonly maxBytes: number
  /** True if each call detects a lost connection. */
  readonly reportsLossPerCall: boolean
  /** Reason of the last loss of the connection, if that is known. */
  readonly lossReason?: string | undefined
  /**
   * Resolves with true once a call can be sent and with false if that takes until `end`. Rejects if
   * the transport is closed or the signal aborts.
   */
  whenOpen(end: number, signal: AbortSignal | undefined): Promise<boolean>
  /** Sends a call. Rejects with TonyError. */
  attempt(call: CallAttempt): Promise<unknown>
  close(): void
}

/** Returns the time that a call may block on the server, in milliseconds. */
export function blockingMsOf({ path, input }: Pick<CallAttempt, 'path' | 'input'>): number {
  const { waitMs, timeoutMs }: { waitMs?: unknown; timeoutMs?: unknown } = { ...(isRecord(input) ? input : {}) }
  if (path === 'requests.route') return typeof timeoutMs === 'number' ? timeoutMs : defaultRequestTimeoutMs
  return typeof waitMs === 'number' ? waitMs : 0
}

/** Default deadline for the reply to a request, in milliseconds. */
const defaultRequestTimeoutMs = 30_000
