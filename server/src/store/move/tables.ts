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

const byProject = 'project_id = ?'
const byReference = (column: string, table: string, key = 'id'): string =>
  `${column} IN (SELECT ${key} FROM ${table} WHERE project_id = ?)`

/**
 * Ordered so that referenced tables come first. `task_counts` and `mailboxes` are missing because
 * triggers fill them from the copied rows; they are compared afterwards.
 */
export const copiedTables: readonly TableSpec[] = [
  { table: 'projects', rowFilter: 'id = ?' },
  { table: 'paused_epics', rowFilter: byProject },
  { table: 'pools', rowFilter: byProject },
  { table: 'agents', rowFilter: byProject },
  { table: 'credentials', rowFilter: byProject },
  { table: 'sessions', rowFilter: byProject },
  // Denials without a valid credential belong to no project. They move with the default project,
  // which always exists.
  {
    table: 'denials',
    rowFilter: "coalesce(project_id, (SELECT id FROM projects WHERE name = 'default')) = ?",
    shiftedColumns: { ord: 'denials' },
  },
  { table: 'routes', rowFilter: byProject, shiftedColumns: { id: 'routes' } },
  { table: 'tasks', rowFilter: byProject, shiftedColumns: { ord: 'tasks', route_id: 'routes', ready: 'routes' } },
  { table: 'task_dependencies', rowFilter: byReference('task_id', 'tasks') },
  { table: 'locks', rowFilter: byProject },
  { table: 'artifacts', rowFilter: byReference('task_id', 'tasks') },
  { table: 'orphan_results', rowFilter: byReference('task_id', 'tasks') },
  { table: 'plans', rowFilter: byProject },
  { table: 'plan_rows', rowFilter: byReference('plan_id', 'plans'), shiftedColumns: { ord: 'plan_rows' } },
  { table: 'bodies', rowFilter: byReference('id', 'messages', 'body_id') },
  { table: 'messages', rowFilter: byProject, shiftedColumns: { ord: 'messages' } },
  { table: 'subscriptions', rowFilter: byProject },
  { table: 'requests', rowFilter: byProject },
  { table: 'delivery_failures', rowFilter: byReference('message_id', 'messages') },
  { table: 'webhooks', rowFilter: byProject },
  { table: 'webhook_dead_letters', rowFilter: byProject, shiftedColumns: { ord: 'webhook_dead_letters' } },
  { table: 'idle_sessions', rowFilter: byProject },
  { table: 'wakes', rowFilter: byProject },
  { table: 'events', rowFilter: byProject },
  { table: 'event_pages', rowFilter: byProject },
  { table: 'idempotency_keys', rowFilter: 'project = ?', parameterOf: projectHashOf },
  { table: 'idempotency', rowFilter: byProject },
  { table: 'health_metrics', rowFilter: byReference('agent_id', 'agents') },
]

/** Tables that triggers of the target fill. Their rows must equal the source's. */
export const triggerFilledTables: readonly TableSpec[] = [
  { table: 'task_counts', rowFilter: `${byProject} AND tasks <> 0` },
  { table: 'mailboxes', rowFilter: byProject },
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
