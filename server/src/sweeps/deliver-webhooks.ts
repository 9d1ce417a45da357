import type { Sweep } from './runner.ts'

/** Starts the deliveries that are due: after a failure, and those whose notification was lost. */
export const deliverWebhooks: Sweep = {
  name: 'deliver-webhooks',
  everyMs: 1_000,
  serverWide: true,
  batch: async ({ webhooks }) => {
    await webhooks.run()
    return 0
  },
}
