import { CircuitState, ConsecutiveBreaker, circuitBreaker, ExponentialBackoff, handleWhen } from 'cockatiel'
import { circuitOpenError, TonyError } from '../api/errors.ts'

/** Settings of the circuit breaker, which pauses calls to a failing server. */
export interface BreakerOptions {
  /** Number of server failures in a row that open the breaker. Default 10. */
  readonly failures: number
  /**
   * First pause in milliseconds, with jitter; up to 30 times that while the failures continue.
   * Default 1 000.
   */
  readonly openMs: number
}

export interface Breaker {
  readonly isOpen: boolean
  /** Runs a call. Rejects with CIRCUIT_OPEN while the breaker is open. */
  run<T>(call: () => Promise<T>): Promise<T>
}

/** Codes of a failing server or network, in contrast to refusals. */
const serverFailureCodes: ReadonlySet<TonyError['code']> = new Set(['INTERNAL', 'STORE_UNAVAILABLE', 'CONNECTION_LOST'])

/** True if the server itself refused a call. */
const isRefusal = (error: unknown): boolean => error instanceof TonyError && error.requestId !== undefined

/**
 * Creates a circuit breaker. `reportsLossPerCall`: true if each call detects a lost connection, in
 * which case the loss counts as a failure.
 */
export function createBreaker({ failures, openMs }: BreakerOptions, reportsLossPerCall: boolean): Breaker {
  const isFailure = (error: unknown) =>
    error instanceof TonyError &&
    serverFailureCodes.has(error.code) &&
    (reportsLossPerCall || error.code !== 'CONNECTION_LOST')
  const policy = circuitBreaker(handleWhen(isFailure), {
    breaker: new ConsecutiveBreaker(failures),
    halfOpenAfter: new ExponentialBackoff({ initialDelay: openMs, maxDelay: openMs * 30 }),
  })
  return {
    get isOpen() {
      return policy.state !== CircuitState.Closed
    },
    run: async (call) => {
      // One call tests the server. The others do not wait for it, because it may take long.
      if (policy.state === CircuitState.HalfOpen) throw circuitOpenError()
      let called = false
      try {
        const outcome = await policy.execute(async () => {
          called = true
          // The library ignores an error that is no failure in its sense. A refusal proves that the
          // server works, so it is returned as a success, which resets the count of failures.
          return call().then(
            (reply) => ({ reply }),
            (error: unknown) => {
              if (isRefusal(error) && !isFailure(error)) return { refusal: error }
              throw error
            },
          )
        })
        if ('reply' in outcome) return outcome.reply
        throw outcome.refusal
      } catch (error) {
        throw called ? error : circuitOpenError()
      }
    },
  }
}
