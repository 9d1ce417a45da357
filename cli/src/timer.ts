/** Runs `run` once, `ms` from now, and keeps the process alive until then. The returned function calls it off. */
export function startTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}
