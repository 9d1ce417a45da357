/** The time of this browser, in milliseconds since 1970. */
export const now = (): number => Date.now()

/** Calls `callback` after a time. Returns a function that cancels it. */
export function startTimer(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms)
  return () => clearTimeout(timer)
}

/**
 * Calls `callback` with the next frame of the page, or after a second if the page is hidden, where
 * a browser draws no frames.
 */
export function atNextFrame(callback: () => void): void {
  if (document.visibilityState === 'hidden') setTimeout(callback, 1_000)
  else requestAnimationFrame(callback)
}

const tickers = new Set<() => void>()
let currentSecond = Date.now()
let cancelTick: (() => void) | undefined

function tick(): void {
  currentSecond = Date.now()
  for (const ticker of tickers) ticker()
  cancelTick = tickers.size === 0 ? undefined : startTimer(1_000, tick)
}

/** Calls `listener` each second. One timer serves all ages and countdowns of a page. */
export function subscribeToSeconds(listener: () => void): () => void {
  tickers.add(listener)
  cancelTick ??= startTimer(1_000, tick)
  return () => {
    tickers.delete(listener)
    if (tickers.size > 0) return
    cancelTick?.()
    cancelTick = undefined
  }
}

/** The time of the last tick. It changes once a second, so that a list is not drawn more often. */
export const readSecond = (): number => currentSecond
