import { anonymousPrincipal } from '../domain/identity/caller.ts'
import type { Call, Connection } from './call.ts'
import { collectDenials } from './denials.ts'
import { logCall } from './observe.ts'
import { limitRate } from './rates.ts'

/** An HTTP request whose caller is checked although the request itself is no call. */
export interface CallerCheck {
  readonly connection: Connection
  readonly requestId: string
  /** Its name in the metrics, the log and the denials. */
  readonly path: 'mcp' | 'sessions' | 'metrics' | 'a2a'
  /** Cost in the rate limits. */
  readonly cost: number
}

/**
 * Runs the check of a request's caller and returns its result. A refusal is counted, logged,
 * recorded as a denial and paid for like that of a call.
 */
export function checkCaller<T>({ cost, ...request }: CallerCheck, check: () => T): T {
  const call: Call = {
    ...request,
    kind: 'query',
    meta: { permission: 'open', cost },
    rawInput: undefined,
    principal: anonymousPrincipal,
  }
  const callbacks = [logCall(call), collectDenials(call)]
  try {
    limitRate(call)
    return check()
  } catch (error) {
    for (const onOutcome of callbacks) onOutcome?.({ ok: false, error })
    throw error
  }
}
