import type { Services } from '../domain/context.ts'
import { deleteExpiredAgents } from './retention/agents.ts'
import { deleteExpiredDenials } from './retention/denials.ts'
import { deleteExpiredEvents } from './retention/events.ts'
import { deleteExpiredSamples } from './retention/health.ts'
import { deleteExpiredMessages } from './retention/messages.ts'
import { deleteExpiredPlans } from './retention/plans.ts'
import { deleteExpiredRequests } from './retention/requests.ts'
import { deleteExpiredSessions } from './retention/sessions.ts'
import { deleteExpiredTasks } from './retention/tasks.ts'
import { deleteExpiredWakes } from './retention/wakes.ts'
import type { Sweep } from './runner.ts'

type Deletion = (services: Services, project: string) => Promise<number>

/** The order matters: rows that refer to others are deleted before them. */
const deletions: Readonly<Record<string, Deletion>> = {
  events: ({ store, config }, project) => deleteExpiredEvents(store, project, config.retention.events),
  requests: ({ store, config, retentionProgress }, project) =>
    deleteExpiredRequests(store, project, config.retention.messages, retentionProgress),
  messages: ({ store, config, retentionProgress }, project) =>
    deleteExpiredMessages(store, project, config.retention.messages, retentionProgress),
  wakes: ({ store, config }, project) => deleteExpiredWakes(store, project, config.retention.messages),
  tasks: ({ store, config, retentionProgress }, project) =>
    deleteExpiredTasks(store, project, config.retention.tasks, retentionProgress),
  health: ({ store, config, retentionProgress }, project) =>
    deleteExpiredSamples(store, project, config.retention.health, retentionProgress),
  agents: ({ store, config, retentionProgress }, project) =>
    deleteExpiredAgents(store, project, config.retention.agents, retentionProgress),
  plans: ({ store, config, retentionProgress }, project) =>
    deleteExpiredPlans(store, project, config.retention.plans, retentionProgress),
  sessions: ({ store, config }, project) => deleteExpiredSessions(store, project, config.retention.sessions),
  denials: ({ store, config }, project) => deleteExpiredDenials(store, project, config.retention.denials),
}

/**
 * Deletes the rows whose retention time has passed, and returns their disk space. Each class of
 * rows has its own small transactions.
 */
export const applyRetention: Sweep = {
  name: 'apply-retention',
  everyMs: 30_000,
  freesSpace: true,
  batch: async (services, project) => {
    let most = 0
    for (const [rowClass, remove] of Object.entries(deletions)) {
      const rows = await remove(services, project)
      if (rows > 0) services.retentionProgress.onDeleted(rowClass, rows)
      most = Math.max(most, rows)
    }
    return Math.max(most, (await services.store.reclaimPages?.()) ?? 0)
  },
}
