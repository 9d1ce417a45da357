import type { Clock } from '../../platform/clock.ts'

/** The time slices of an engine, in milliseconds. */
interface TimeSliceLengths {
  /** The time in which a batch may begin operations. */
  readonly batch: number
  /** The time after which a batch of bulk operations gives way to others. */
  readonly bulk: number
}

/**
 * Returns the function that starts a time slice. The function that it returns is true once the
 * slice is over.
 */
export const createTimeSliceStarter =
  (clock: Pick<Clock, 'monotonic'>, limits: TimeSliceLengths) =>
  (share: keyof TimeSliceLengths = 'batch'): (() => boolean) => {
    const since = clock.monotonic()
    return () => clock.monotonic() - since > limits[share]
  }
