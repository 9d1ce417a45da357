/** How long and how much is kept of something; 0 is for ever, and as much as there is. */
export interface Kept {
  readonly ms: number
  readonly most: number
}

/** What a walk over a table remembers and what it tells; one for each server. */
export interface Retained {
  /** Where each walk stands. In memory: after a start it begins again at the front, which costs one round. */
  readonly positions: Map<string, number | string>
  /** Told how many rows of a class were removed. */
  readonly removed: (what: string, rows: number) => void
}

/** Rows looked at in one go. A walk reads so many in the order of an index and goes on from there at its next turn. */
export const pageLimit = 500

/** Rows removed in one transaction, which callers share. */
export const removeLimit = 100

/** The moment before which something has been kept long enough; none when it is kept for ever. */
export const cutoff = (now: number, { ms }: Kept): number => (ms === 0 ? Number.NEGATIVE_INFINITY : now - ms)

interface Walked {
  readonly ord: number
  readonly createdAt: number
}

interface Rule<R> {
  /** How many of those that have ended are too many. */
  readonly over: number
  /** The moment before which one has been kept long enough. */
  readonly before: number
  /** When a row ended; null while it has not. */
  readonly endOf: (row: R) => number | null
}

/**
 * What is to go of a page in the order of creation, and after which row the walk goes on: from the front again once it has come
 * to what was created too lately to have ended long ago.
 */
export function choose<R extends Walked>(
  rows: readonly R[],
  { over, before, endOf }: Rule<R>,
): { readonly chosen: readonly R[]; readonly next: number } {
  const ended = rows.filter((row) => endOf(row) !== null)
  const going = ended.filter((row, index) => index < over || (endOf(row) ?? 0) <= before)
  const chosen = going.slice(0, removeLimit)
  if (going.length > removeLimit) return { chosen, next: chosen.at(-1)?.ord ?? 0 }
  const last = rows.at(-1)
  const round = !last || rows.length < pageLimit || (over <= ended.length && last.createdAt > before)
  return { chosen, next: round ? 0 : last.ord }
}
