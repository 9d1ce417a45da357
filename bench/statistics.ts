const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

/** Returns the middle value; NaN if there are none. */
export const median = (values: readonly number[]): number =>
  ascending(values)[Math.floor(values.length / 2)] ?? Number.NaN

/** Returns the value below which a share of the sorted values is; 0 if there are none. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** Returns the ratio of the largest value to the smallest. */
export const spread = (values: readonly number[]): number => Math.max(...values) / Math.min(...values)
