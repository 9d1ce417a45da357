import type { Sweep } from './runner.ts'

/** Signing keys that came or went, whoever rotated them; and the next one when it is time. */
export const watchKeys: Sweep = {
  name: 'refresh-signing-keys',
  everyMs: 1_000,
  wide: true,
  batch: async ({ tokens, config }) => {
    await tokens.keys.refresh()
    await tokens.keys.rotateEvery(config.keyRotationMs)
    return 0
  },
}
