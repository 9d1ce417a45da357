import type { Sweep } from './runner.ts'

/** The public keys of outside issuers, each when its time has come: by the clock, never because of what a caller shows. */
export const refreshIssuers: Sweep = {
  name: 'refresh-issuers',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ identity }) => {
    await identity.issuers.refresh()
    return 0
  },
}
