import { findInactiveAgents, unregisterInactiveAgent } from '../operations/agents/unregister.ts'
import { retentionCutoff } from './retention/progress.ts'
import type { Sweep } from './runner.ts'

/** Agents per transaction: each may have sessions and leases to end. */
const agentLimit = 20

/**
 * Unregisters agents that were silent for the retention time of unregistered agents. Otherwise
 * agents that were killed and never return would stay recipients of every broadcast.
 */
export const unregisterSilentAgents: Sweep = {
  name: 'unregister-silent-agents',
  everyMs: 60_000,
  batch: async ({ store, config }, project) => {
    const { agents } = config.retention
    if (agents.ms === 0) return 0
    const before = retentionCutoff(store.now(), agents)
    const silent = await store.read((reader) => findInactiveAgents(reader, { project, before, limit: agentLimit }))
    if (silent.length === 0) return 0
    await store.transact({ project }, async (tx) => {
      for (const { id } of silent) await unregisterInactiveAgent(tx, id, before)
    })
    return silent.length
  },
}
