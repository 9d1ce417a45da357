/** The memory and the observer of the retention's walks over the tables; one for each server. */
export interface RetentionProgress {
  /**
   * The position of each walk. It is kept in memory: after a start each walk begins at the front
   * again, which costs one round.
   */
  readonly cursors: Map<string, number | string>
  /** Called with the number of rows that were deleted of a class. */
  readonly onDeleted: (what: string, rows: number) => void
}
