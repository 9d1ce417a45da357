import type { Sweep } from './runner.ts'

/**
 * Reads signing keys that any process added or removed, and creates the next one when it is due.
 */
export const refreshSigningKeys: Sweep = {
  name: 'refresh-signing-keys',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ identity: { tokens }, config }) => {
    await tokens.keys.refresh()
    await tokens.keys.rotateIfDue(config.keyRotationMs)
    return 0
  },
}
