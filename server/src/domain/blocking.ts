import { Notifier } from '../platform/notifier.ts'
import type { Context } from './context.ts'

/** A place among those who wait: `trying` before each attempt, `leave` at the end. */
export interface WaitHandle {
  beforeAttempt(): void
  leave(): void
}

export interface BlockOptions<T> {
  readonly ctx: Context
  /** In milliseconds. */
  readonly waitMs: number
  /** Asks to be rung when another attempt may succeed. */
  readonly subscribe: (ring: () => void) => WaitHandle
  readonly attempt: () => Promise<T>
  readonly isFound: (result: T) => boolean
}

/**
 * A blocking call: attempts, and again at each ring, until something is found, the time is up or the caller is gone; then
 * gives the last result. The watch begins before the first attempt, or a wake between the two would be lost.
 */
export async function blockUntil<T>({ ctx, waitMs, subscribe, attempt, isFound }: BlockOptions<T>): Promise<T> {
  const notifier = new Notifier()
  const handle = subscribe(notifier.notify)
  let timedOut = false
  const cancel = ctx.clock.timer(waitMs, () => {
    timedOut = true
    notifier.notify()
  })
  ctx.signal.addEventListener('abort', notifier.notify, { once: true })
  try {
    for (;;) {
      handle.beforeAttempt()
      const result = await attempt()
      if (isFound(result) || timedOut || ctx.signal.aborted) return result
      await notifier.wait()
      // Gone without trying: the wake, if there was one, is the next waiter's.
      if (timedOut || ctx.signal.aborted) return result
    }
  } finally {
    cancel()
    ctx.signal.removeEventListener('abort', notifier.notify)
    handle.leave()
  }
}
