import type { Parts } from '../domain/context.ts'
import { removeAgents } from './retention/agents.ts'
import { removeDenials } from './retention/denials.ts'
import { trimEvents } from './retention/events.ts'
import { removeSamples } from './retention/health.ts'
import { removeDone } from './retention/messages.ts'
import { removePlans } from './retention/plans.ts'
import { removeRequests } from './retention/requests.ts'
import { removeSessions } from './retention/sessions.ts'
import { removeTasks } from './retention/tasks.ts'
import type { Sweep } from './runner.ts'

type Removal = (parts: Parts, project: string) => Promise<number>

/** In this order: what refers to others goes before them. */
const removals: Readonly<Record<string, Removal>> = {
  events: ({ store, config }, project) => trimEvents(store, project, config.retention.events),
  requests: ({ store, config, retained }, project) =>
    removeRequests(store, project, config.retention.messages, retained),
  messages: ({ store, config, retained }, project) => removeDone(store, project, config.retention.messages, retained),
  tasks: ({ store, config, retained }, project) => removeTasks(store, project, config.retention.tasks, retained),
  health: ({ store, config, retained }, project) => removeSamples(store, project, config.retention.health, retained),
  agents: ({ store, config, retained }, project) => removeAgents(store, project, config.retention.agents, retained),
  plans: ({ store, config, retained }, project) => removePlans(store, project, config.retention.plans, retained),
  sessions: ({ store, config }, project) => removeSessions(store, project, config.retention.sessions),
  denials: ({ store, config }, project) => removeDenials(store, project, config.retention.denials),
}

/** Removes what has been kept long enough, and gives the room back. Each class in transactions of its own, small ones. */
export const retain: Sweep = {
  name: 'apply-retention',
  everyMs: 30_000,
  frees: true,
  batch: async (parts, project) => {
    let most = 0
    for (const [what, remove] of Object.entries(removals)) {
      const rows = await remove(parts, project)
      if (rows > 0) parts.retained.removed(what, rows)
      most = Math.max(most, rows)
    }
    return Math.max(most, (await parts.store.reclaim?.()) ?? 0)
  },
}
