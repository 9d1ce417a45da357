import type { RetentionRule } from '../../config.ts'

/**
 * Rows per read. A retention that has no index of expired rows walks over all rows: each run of the
 * sweep reads one page in the order of an index, and the next run continues after it.
 */
export const rowsPerRead = 500

/** Rows to delete in one transaction, which callers share. */
export const deleteLimit = 100

/** Returns the time before which rows are due; negative infinity if the rule has no age. */
export const retentionCutoff = (now: number, { ms }: RetentionRule): number =>
  ms === 0 ? Number.NEGATIVE_INFINITY : now - ms

interface RetentionRow {
  readonly ord: number
  readonly createdAt: number
}

interface ChooseOptions<R> {
  /** The number of ended rows above the limit. */
  readonly excessRows: number
  /** The time before which ended rows are due. */
  readonly before: number
  /** Returns the end time of a row; null if it has not ended. */
  readonly endedAtOf: (row: R) => number | null
}

/**
 * Chooses the rows to delete from a page in the order of creation. `next` is the row after which
 * the walk continues; 0 restarts it when it reaches rows too young to be due.
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
  const reachedEnd = !last || rows.length < rowsPerRead || (excessRows <= ended.length && last.createdAt > before)
  return { chosen, next: reachedEnd ? 0 : last.ord }
}
