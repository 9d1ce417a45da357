import { projectHashOf } from '../idempotency-slot.ts'

/** A table that is copied with its project. */
export interface TableSpec {
  readonly table: string
  /** SQL condition for the rows of a project; `?` is the project's id, or its value below. */
  readonly rowFilter: string
  /** Returns the value of `?` for a project. Default: its id. */
  readonly parameterOf?: (project: string) => number
  /**
   * Columns with numbers that the target shifts if it has assigned them already. The value is the
   * table that assigns the number.
   */
  readonly shiftedColumns?: Readonly<Record<string, string>>
}

const projectRowFilter = 'project_id = ?'
const referencingRowFilter = (column: string, table: string, key = 'id'): string =>
  `${column} IN (SELECT ${key} FROM ${table} WHERE project_id = ?)`

/**
 * Ordered so that referenced tables come first. `task_counts` and `mailboxes` are missing because
 * triggers fill them from the copied rows; they are compared afterwards.
 */
export const copiedTables: readonly TableSpec[] = [
  { table: 'projects', rowFilter: 'id = ?' },
  { table: 'paused_epics', rowFilter: projectRowFilter },
  { table: 'pools', rowFilter: projectRowFilter },
  { table: 'agents', rowFilter: projectRowFilter },
  { table: 'credentials', rowFilter: projectRowFilter },
  { table: 'sessions', rowFilter: projectRowFilter },
  // Denials without a valid credential belong to no project. They move with the default project,
  // which always exists.
  {
    table: 'denials',
    rowFilter: "coalesce(project_id, (SELECT id FROM projects WHERE name = 'default')) = ?",
    shiftedColumns: { ord: 'denials' },
  },
  { table: 'routes', rowFilter: projectRowFilter, shiftedColumns: { id: 'routes' } },
  {
    table: 'tasks',
    rowFilter: projectRowFilter,
    shiftedColumns: { ord: 'tasks', route_id: 'routes', ready: 'routes' },
  },
  { table: 'task_dependencies', rowFilter: referencingRowFilter('task_id', 'tasks') },
  { table: 'left_out_dependencies', rowFilter: referencingRowFilter('task_id', 'tasks') },
  { table: 'locks', rowFilter: projectRowFilter },
  { table: 'artifacts', rowFilter: referencingRowFilter('task_id', 'tasks') },
  { table: 'orphan_results', rowFilter: referencingRowFilter('task_id', 'tasks') },
  { table: 'plans', rowFilter: projectRowFilter },
  { table: 'plan_rows', rowFilter: referencingRowFilter('plan_id', 'plans'), shiftedColumns: { ord: 'plan_rows' } },
  { table: 'bodies', rowFilter: referencingRowFilter('id', 'messages', 'body_id') },
  { table: 'messages', rowFilter: projectRowFilter, shiftedColumns: { ord: 'messages' } },
  { table: 'subscriptions', rowFilter: projectRowFilter },
  { table: 'requests', rowFilter: projectRowFilter },
  { table: 'delivery_failures', rowFilter: referencingRowFilter('message_id', 'messages') },
  { table: 'webhooks', rowFilter: projectRowFilter },
  { table: 'webhook_dead_letters', rowFilter: projectRowFilter, shiftedColumns: { ord: 'webhook_dead_letters' } },
  { table: 'idle_sessions', rowFilter: projectRowFilter },
  { table: 'wakes', rowFilter: projectRowFilter },
  { table: 'events', rowFilter: projectRowFilter },
  { table: 'event_pages', rowFilter: projectRowFilter },
  { table: 'idempotency_keys', rowFilter: 'project = ?', parameterOf: projectHashOf },
  { table: 'idempotency', rowFilter: projectRowFilter },
  { table: 'health_metrics', rowFilter: referencingRowFilter('agent_id', 'agents') },
  { table: 'history_steps', rowFilter: projectRowFilter },
]

/** Tables that triggers of the target fill. Their rows must equal the source's. */
export const triggerFilledTables: readonly TableSpec[] = [
  { table: 'task_counts', rowFilter: `${projectRowFilter} AND tasks <> 0` },
  { table: 'mailboxes', rowFilter: projectRowFilter },
]

/** Tables whose rows have numbers assigned by the store, with the column. */
export const identityColumns: Readonly<Record<string, string>> = {
  denials: 'ord',
  routes: 'id',
  tasks: 'ord',
  plan_rows: 'ord',
  messages: 'ord',
  webhook_dead_letters: 'ord',
}
