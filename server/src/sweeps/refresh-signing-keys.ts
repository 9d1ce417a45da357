import type { Sweep } from './runner.ts'

/** Signing keys that came or went, whoever rotated them; and the next one when it is time. */
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
