import { systemClock, yieldToEventLoop } from './clock.ts'

/** Time after which the event loop gets a turn, in milliseconds. */
const sliceMs = 4

/** A turn of the event loop that is longer has done the work of others, in milliseconds. */
const idleTurnMs = 1

/** Turns of the event loop that others get between two slices of work in the background. */
const turnLimit = 4

/**
 * Lets the callbacks of others run, for several turns of the event loop while these are long. A
 * call takes a few turns from its frame to its reply. With one turn between slices of 4 ms, each of
 * them would wait for another slice.
 */
export async function yieldToOthers(): Promise<void> {
  for (let turn = 0; turn < turnLimit; turn += 1) {
    const since = systemClock.monotonic()
    await yieldToEventLoop()
    if (systemClock.monotonic() - since < idleTurnMs) return
  }
}

/** Runs `work` for each item, and lets other callbacks run whenever the time slice is over. */
export async function forEachYielding<T>(items: Iterable<T>, work: (item: T) => unknown): Promise<void> {
  let since = systemClock.monotonic()
  for (const item of items) {
    work(item)
    if (systemClock.monotonic() - since < sliceMs) continue
    await yieldToOthers()
    since = systemClock.monotonic()
  }
}

/** Returns the values of `make` for all items, and lets other callbacks run in between. */
export async function mapYielding<T, R>(items: Iterable<T>, make: (item: T) => R): Promise<R[]> {
  const made: R[] = []
  await forEachYielding(items, (item) => made.push(make(item)))
  return made
}
