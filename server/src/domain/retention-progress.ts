/** What a walk over a table remembers and what it tells; one for each server. */
export interface RetentionProgress {
  /** Where each walk stands. In memory: after a start it begins again at the front, which costs one round. */
  readonly cursors: Map<string, number | string>
  /** Told how many rows of a class were removed. */
  readonly onDeleted: (what: string, rows: number) => void
}
