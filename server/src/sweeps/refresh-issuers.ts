import type { Sweep } from './runner.ts'

/**
 * Reads the public keys of outside issuers when they are due: by the clock, never because of a
 * token.
 */
export const refreshIssuers: Sweep = {
  name: 'refresh-issuers',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ identity }) => {
    await identity.issuers.refresh()
    return 0
  },
}
