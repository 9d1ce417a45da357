import { Bell } from '../platform/notifier.ts'
import type { Context } from './context.ts'

/** A place among those who wait: `trying` before each attempt, `leave` at the end. */
export interface Watch {
  trying(): void
  leave(): void
}

export interface Blocking<T> {
  readonly ctx: Context
  /** In milliseconds. */
  readonly waitMs: number
  /** Asks to be rung when another attempt may succeed. */
  readonly watch: (ring: () => void) => Watch
  readonly attempt: () => Promise<T>
  readonly found: (result: T) => boolean
}

/**
 * A blocking call: attempts, and again at each ring, until something is found, the time is up or the caller is gone; then
 * gives the last result. The watch begins before the first attempt, or a wake between the two would be lost.
 */
export async function blockUntil<T>({ ctx, waitMs, watch, attempt, found }: Blocking<T>): Promise<T> {
  const bell = new Bell()
  const place = watch(bell.ring)
  let over = false
  const cancel = ctx.clock.timer(waitMs, () => {
    over = true
    bell.ring()
  })
  ctx.signal.addEventListener('abort', bell.ring, { once: true })
  try {
    for (;;) {
      place.trying()
      const result = await attempt()
      if (found(result) || over || ctx.signal.aborted) return result
      await bell.rung()
      // Gone without trying: the wake, if there was one, is the next waiter's.
      if (over || ctx.signal.aborted) return result
    }
  } finally {
    cancel()
    ctx.signal.removeEventListener('abort', bell.ring)
    place.leave()
  }
}
