import type { Clock } from '../../platform/clock.ts'
import type { Engine } from './engine.ts'

/** The time slices of an engine, in milliseconds. */
interface TimeSliceLengths {
  /** The time in which a batch may begin operations, and an operation may hold the event loop. */
  readonly batch: number
  /** The time after which a batch of bulk operations gives way to others. */
  readonly bulk: number
  /** True if the statements run on the thread of the event loop, and not in another process. */
  readonly isOwnThread: boolean
}

/**
 * Bounds the slice of a batch on a busy machine, as a multiple of its length. There other programs
 * use up the time of a slice: a batch had 33 operations in 10 ms of time and 85 in 10 ms of CPU
 * time, and an operation needed 0.7 times the CPU time then, because a commit costs as much as
 * several of them.
 */
const busyFactor = 4

/**
 * Returns the function that starts a time slice. The function that it returns is true once the
 * slice is over.
 */
export function createTimeSliceStarter(
  clock: Pick<Clock, 'monotonic' | 'threadCpu'>,
  { batch, bulk, isOwnThread }: TimeSliceLengths,
): Engine['startTimeSlice'] {
  const start = (ms: number) => {
    const since = clock.monotonic()
    return () => clock.monotonic() - since > ms
  }
  const { threadCpu } = clock
  return (kind) => {
    const isOver = start(kind === 'bulk' ? bulk : batch)
    if (kind !== 'batch' || !isOwnThread || !threadCpu) return isOver
    const isLate = start(batch * busyFactor)
    const usedBefore = threadCpu()
    return () => isOver() && (isLate() || threadCpu() - usedBefore > batch)
  }
}
