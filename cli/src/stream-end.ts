import { interruptedExitCode, timeoutExitCode } from './exit-codes.ts'
import { startTimer } from './timer.ts'

/** The end of a stream of output: an interrupt or a timeout. */
export interface StreamEnd {
  readonly signal: AbortSignal
  /** Returns the exit code for the reason of the end; 0 if there was none. */
  readonly exitCode: () => number
  /** Removes the listeners. */
  readonly stop: () => void
}

/** Ends a stream at an interrupt or after a time. */
export function createStreamEnd(timeoutMs: number | undefined): StreamEnd {
  const ended = new AbortController()
  let exitCode = 0
  const endWith = (code: number) => {
    exitCode ||= code
    ended.abort()
  }
  const onInterrupt = () => endWith(interruptedExitCode)
  process.once('SIGINT', onInterrupt)
  const cancel = timeoutMs === undefined ? () => undefined : startTimer(timeoutMs, () => endWith(timeoutExitCode))
  return {
    signal: ended.signal,
    exitCode: () => exitCode,
    stop: () => {
      process.off('SIGINT', onInterrupt)
      cancel()
    },
  }
}
