/** One attempt at a call. */
export interface Attempt {
  readonly path: string
  readonly kind: 'query' | 'mutation'
  readonly input: unknown
  /** `{ path, input }` as JSON. */
  readonly params: string
  /** Until when an answer is waited for, on the clock of `performance`. */
  readonly end: number
  /** What the caller gave it in all, for the message of the error. In milliseconds. */
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** Whether it must not be sent again when its answer is lost. */
  readonly once: boolean
}

/** A way for calls to the server. */
export interface Transport {
  /** Whether a call can be sent at once, as far as is known. */
  readonly isOpen: boolean
  /** The largest `params` it takes, in bytes. */
  readonly maxBytes: number
  /** Whether a loss of connection is found out by each call for itself. */
  readonly reportsLossPerCall: boolean
  /** Settles once a call can be sent; false when that is not so before `end`. Rejects when it will never be, or nobody waits any more. */
  whenOpen(end: number, signal: AbortSignal | undefined): Promise<boolean>
  /** Sends a call. Rejects with TonyError. */
  attempt(call: Attempt): Promise<unknown>
  close(): void
}

/** How long a call may wait on the server, in milliseconds. */
export function waitOf({ path, input }: Pick<Attempt, 'path' | 'input'>): number {
  const { waitMs, timeoutMs }: { waitMs?: unknown; timeoutMs?: unknown } = { ...(isRecord(input) ? input : {}) }
  if (path === 'requests.route') return typeof timeoutMs === 'number' ? timeoutMs : defaultRequestTimeoutMs
  return typeof waitMs === 'number' ? waitMs : 0
}

/** How long a request waits for its answer when that is not said. */
const defaultRequestTimeoutMs = 30_000

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
