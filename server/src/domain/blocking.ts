import { Notifier } from '../platform/notifier.ts'
import type { Context } from './context.ts'

/**
 * The registration of a waiter: call `beforeAttempt` before each attempt and `leave` at the end.
 */
export interface WaitHandle {
  beforeAttempt(): void
  leave(): void
}

export interface BlockParams<T> {
  readonly ctx: Context
  readonly waitMs: number
  /** Registers the waiter. It is notified when another attempt may succeed. */
  readonly subscribe: (notify: () => void) => WaitHandle
  readonly attempt: () => Promise<T>
  readonly isFound: (result: T) => boolean
}

/**
 * Makes a blocking call: attempts, and again after each notification, until a result is found, the
 * time is up or the caller has gone. Returns the last result. The registration precedes the first
 * attempt, or a notification between the two would be lost.
 */
export async function blockUntil<T>({ ctx, waitMs, subscribe, attempt, isFound }: BlockParams<T>): Promise<T> {
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
      // Leaves without an attempt: a notification that came goes on to the next waiter.
      if (timedOut || ctx.signal.aborted) return result
    }
  } finally {
    cancel()
    ctx.signal.removeEventListener('abort', notifier.notify)
    handle.leave()
  }
}
