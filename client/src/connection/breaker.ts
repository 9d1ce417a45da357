import { CircuitState, ConsecutiveBreaker, circuitBreaker, ExponentialBackoff, handleWhen } from 'cockatiel'
import { circuitOpen, TonyError } from '../api/errors.ts'

/** When a server is left alone. */
export interface BreakerOptions {
  /** After so many failures of the server's own in a row. Default 10. */
  readonly failures: number
  /** How long at first, in milliseconds, with jitter; up to 30 times that while it goes on failing. Default 1 000. */
  readonly openMs: number
}

export interface Breaker {
  readonly isOpen: boolean
  /** Runs a call, unless the server is left alone now: then rejects with CIRCUIT_OPEN. */
  run<T>(call: () => Promise<T>): Promise<T>
}

/** Not a refusal: the server, or the way to it, does not work. */
const serverFailureCodes: ReadonlySet<TonyError['code']> = new Set(['INTERNAL', 'STORE_UNAVAILABLE', 'CONNECTION_LOST'])

/** `losesCalls`: whether calls find out by themselves that there is no server, so that a loss counts. */
export function createBreaker({ failures, openMs }: BreakerOptions, reportsLossPerCall: boolean): Breaker {
  const policy = circuitBreaker(
    handleWhen(
      (error) =>
        error instanceof TonyError &&
        serverFailureCodes.has(error.code) &&
        (reportsLossPerCall || error.code !== 'CONNECTION_LOST'),
    ),
    {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: new ExponentialBackoff({ initialDelay: openMs, maxDelay: openMs * 30 }),
    },
  )
  return {
    get isOpen() {
      return policy.state !== CircuitState.Closed
    },
    run: async (call) => {
      // One call tries whether it works again. The others do not wait for that one, which may be a long one.
      if (policy.state === CircuitState.HalfOpen) throw circuitOpen()
      let called = false
      try {
        return await policy.execute(() => {
          called = true
          return call()
        })
      } catch (error) {
        throw called ? error : circuitOpen()
      }
    },
  }
}
