import type { Sweep } from './runner.ts'

/** Added to the life of an access token: no older token can be valid. */
const marginMs = 60_000

/**
 * Reads the revocations of other processes on the same database. This process gets its own at once
 * by a notification, so on SQLite, which has one process, the sweep finds nothing.
 */
export const refreshRevocations: Sweep = {
  name: 'refresh-revocations',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ store, identity: { revocations }, config }) => {
    await revocations.refresh()
    revocations.dropSessionRevocationsBefore(store.now() - config.accessTokenMs - marginMs)
    return 0
  },
}
