/**
 * Runs `run` once after `ms`, and keeps the process alive until then. The returned function cancels
 * it.
 */
export function startTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** Returns the time of this machine, in milliseconds since 1970. */
export const now = (): number => Date.now()
