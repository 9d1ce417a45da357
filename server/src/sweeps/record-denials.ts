import type { Sweep } from './runner.ts'

/**
 * Writes the denials of the last seconds: about a hundred rows at most, for any number of calls.
 */
export const recordDenials: Sweep = {
  name: 'record-denials',
  everyMs: 5_000,
  batch: async ({ store, identity }, project) => {
    const denied = identity.denials.takePending()
    if (denied.length === 0) return 0
    await store.transact({ project }, async ({ db, t, now }) => {
      await db
        .insert(t.denials)
        .values(denied.map(({ project: of, ...denial }) => ({ ...denial, projectId: of, at: now })))
    })
    return 0
  },
}
