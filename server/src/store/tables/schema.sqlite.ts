import { sqliteColumns } from './columns.ts'
import { defineTables } from './tables.ts'

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
  events,
  eventPages,
  idempotency,
  healthMetrics,
  storeFacts,
  replicas,
} = defineTables(sqliteColumns)
