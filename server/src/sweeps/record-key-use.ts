import { eq } from 'drizzle-orm'
import type { Sweep } from './runner.ts'

/**
 * Writes the time of the last use of keys, to the minute: a write for each call would cost more
 * than the call.
 */
export const recordKeyUse: Sweep = {
  name: 'record-key-use',
  everyMs: 60_000,
  batch: async ({ store, identity }, project) => {
    const used = identity.keyUse.takePending()
    if (used.size === 0) return 0
    await store.transact({ project }, async ({ db, t }) => {
      for (const [id, at] of used)
        await db.update(t.credentials).set({ lastUsedAt: at }).where(eq(t.credentials.id, id))
    })
    return 0
  },
}
