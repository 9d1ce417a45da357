import { createSqliteColumns, identifiers } from './columns.ts'
import { defineTables } from './tables.ts'

export { identifiers }

/** No statement runs on these tables. */
const references = { numberOf: () => 0, idOf: () => '' }

/** The input of drizzle-kit for the next migration of `drizzle/sqlite`. */
export const {
  projects,
  pausedEpics,
  pools,
  agents,
  credentials,
  sessions,
  denials,
  routes,
  tasks,
  taskDependencies,
  leftOutDependencies,
  locks,
  artifacts,
  orphanResults,
  taskCounts,
  plans,
  planRows,
  bodies,
  messages,
  mailboxes,
  subscriptions,
  requests,
  deliveryFailures,
  webhooks,
  webhookDeadLetters,
  idleSessions,
  wakes,
  events,
  eventPages,
  idempotencyKeys,
  idempotency,
  healthMetrics,
  historySteps,
  storeFacts,
  replicas,
} = defineTables(createSqliteColumns(references))
