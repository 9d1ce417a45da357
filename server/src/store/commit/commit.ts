import type { NewEvent } from '../event-log/new-event.ts'

/** The duration of a batch. */
export interface BatchTimes {
  /** Milliseconds from the begin of the transaction to the end of the commit. */
  readonly batchMs: number
  /** Milliseconds of the commit alone: on SQLite mostly the fsync. */
  readonly commitMs: number
}

/** A batch that has committed. */
export interface Commit {
  readonly project: string
  readonly events: readonly { readonly event: NewEvent }[]
  /** The number of its operations. */
  readonly operations: number
  readonly times: BatchTimes
}

/** Starts to measure a batch. The returned function runs and measures its commit. */
export function startBatchTimer(monotonic: () => number): (commit: () => Promise<void>) => Promise<BatchTimes> {
  const begunAt = monotonic()
  return async (commit) => {
    const commitAt = monotonic()
    await commit()
    const endedAt = monotonic()
    return { batchMs: endedAt - begunAt, commitMs: endedAt - commitAt }
  }
}
