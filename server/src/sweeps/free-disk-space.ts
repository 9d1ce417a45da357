import { applyRetention } from './apply-retention.ts'
import type { Sweep } from './runner.ts'

/**
 * While the disk is full, applies the retention at once and checks if there is disk space again.
 */
export const freeDiskSpace: Sweep = {
  name: 'free-disk-space',
  everyMs: 1_000,
  freesSpace: true,
  batch: async (services, project, stopped) => {
    const { diskSpace } = services.store
    const deleted = diskSpace?.full ? await applyRetention.batch(services, project, stopped) : 0
    await diskSpace?.check()
    return deleted
  },
}
