import { systemClock, yieldToEventLoop } from './clock.ts'

/** Time after which the event loop gets a turn, in milliseconds. */
const sliceMs = 4

/** Runs `work` for each item, and lets other callbacks run whenever the time slice is over. */
export async function forEachYielding<T>(items: Iterable<T>, work: (item: T) => unknown): Promise<void> {
  let since = systemClock.monotonic()
  for (const item of items) {
    work(item)
    if (systemClock.monotonic() - since < sliceMs) continue
    await yieldToEventLoop()
    since = systemClock.monotonic()
  }
}

/** Returns the values of `make` for all items, and lets other callbacks run in between. */
export async function mapYielding<T, R>(items: Iterable<T>, make: (item: T) => R): Promise<R[]> {
  const made: R[] = []
  await forEachYielding(items, (item) => made.push(make(item)))
  return made
}
