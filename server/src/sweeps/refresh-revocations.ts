import type { Sweep } from './runner.ts'

/** Beyond the life of an access token: nobody asks for one that is older. */
const marginMs = 60_000

/**
 * What other processes on the same database revoked stops here too. This one's own it hears of at once, by a wake; so on
 * SQLite, which has one process, this finds nothing.
 */
export const refreshRevocations: Sweep = {
  name: 'refresh-revocations',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ store, identity: { revocations }, config }) => {
    await revocations.refresh()
    revocations.deleteSessionsBefore(store.now() - config.accessTokenMs - marginMs)
    return 0
  },
}
