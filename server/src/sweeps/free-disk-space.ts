import { applyRetention } from './apply-retention.ts'
import type { Sweep } from './runner.ts'

/** While the disk is full: removes what has been kept long enough, at once, and sees whether there is room again. */
export const freeDiskSpace: Sweep = {
  name: 'free-disk-space',
  everyMs: 1_000,
  freesSpace: true,
  batch: async (services, project) => {
    const { diskSpace } = services.store
    const removed = diskSpace?.full ? await applyRetention.batch(services, project) : 0
    await diskSpace?.check()
    return removed
  },
}
