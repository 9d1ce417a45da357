import type { RetentionRule } from '../../config.ts'

/** Rows looked at in one go. A walk reads so many in the order of an index and goes on from there at its next turn. */
export const pageLimit = 500

/** Rows removed in one transaction, which callers share. */
export const deleteLimit = 100

/** The moment before which something has been kept long enough; none when it is kept for ever. */
export const cutoff = (now: number, { ms }: RetentionRule): number => (ms === 0 ? Number.NEGATIVE_INFINITY : now - ms)

interface RetentionRow {
  readonly ord: number
  readonly createdAt: number
}

interface ChooseOptions<R> {
  /** How many of those that have ended are too many. */
  readonly excessRows: number
  /** The moment before which one has been kept long enough. */
  readonly before: number
  /** When a row ended; null while it has not. */
  readonly endedAtOf: (row: R) => number | null
}

/**
 * What is to go of a page in the order of creation, and after which row the walk goes on: from the front again once it has come
 * to what was created too lately to have ended long ago.
 */
export function chooseExpired<R extends RetentionRow>(
  rows: readonly R[],
  { excessRows, before, endedAtOf }: ChooseOptions<R>,
): { readonly chosen: readonly R[]; readonly next: number } {
  const ended = rows.filter((row) => endedAtOf(row) !== null)
  const expired = ended.filter((row, index) => index < excessRows || (endedAtOf(row) ?? 0) <= before)
  const chosen = expired.slice(0, deleteLimit)
  if (expired.length > deleteLimit) return { chosen, next: chosen.at(-1)?.ord ?? 0 }
  const last = rows.at(-1)
  const reachedEnd = !last || rows.length < pageLimit || (excessRows <= ended.length && last.createdAt > before)
  return { chosen, next: reachedEnd ? 0 : last.ord }
}
