import { hashKey, type QueryClient } from '@tanstack/react-query'
import { now, startTimer } from '../clock.ts'

interface Throttle {
  readAt: number
  cancel: (() => void) | undefined
}

/**
 * Marks queries as outdated, so that those on the page are read again. Requests for a key within
 * its interval become one, and the last of them always takes effect.
 */
export class ThrottledInvalidation {
  readonly #queries: QueryClient
  readonly #throttles = new Map<string, Throttle>()

  constructor(queries: QueryClient) {
    this.#queries = queries
  }

  request(key: readonly unknown[], everyMs: number): void {
    const hash = hashKey(key)
    const throttle = this.#throttles.get(hash) ?? { readAt: 0, cancel: undefined }
    this.#throttles.set(hash, throttle)
    if (throttle.cancel) return
    const run = () => {
      throttle.cancel = undefined
      throttle.readAt = now()
      const reading = this.#queries.getQueryCache().findAll({ queryKey: key, type: 'active', fetchStatus: 'fetching' })
      // A read that is under way may lack the change. It ends first, because a page whose reads are
      // always replaced would never show one.
      void this.#queries.invalidateQueries({ queryKey: key }, { cancelRefetch: false })
      if (reading.length === 0) return
      void Promise.allSettled(reading.map(({ promise }) => promise)).then(() => this.request(key, everyMs))
    }
    const waitMs = throttle.readAt + everyMs - now()
    if (waitMs <= 0) run()
    else throttle.cancel = startTimer(waitMs, run)
  }

  close(): void {
    for (const { cancel } of this.#throttles.values()) cancel?.()
    this.#throttles.clear()
  }
}
