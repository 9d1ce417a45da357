import { retain } from './apply-retention.ts'
import type { Sweep } from './runner.ts'

/** While the disk is full: removes what has been kept long enough, at once, and sees whether there is room again. */
export const makeRoom: Sweep = {
  name: 'free-disk-space',
  everyMs: 1_000,
  frees: true,
  batch: async (parts, project) => {
    const { room } = parts.store
    const removed = room?.full ? await retain.batch(parts, project) : 0
    await room?.tend()
    return removed
  },
}
