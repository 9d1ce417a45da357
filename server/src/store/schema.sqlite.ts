import { sqliteColumns } from './columns.ts'
import { defineTables } from './tables.ts'

/** What drizzle-kit reads to write the next migration of `drizzle/sqlite`. */
export const {
  projects,
  agents,
  sessions,
  routes,
  tasks,
  taskDependencies,
  plans,
  planRows,
  bodies,
  messages,
  deliveryFailures,
  events,
  idempotency,
  healthMetrics,
  storeFacts,
} = defineTables(sqliteColumns)
