/** One table that is moved with its project. */
export interface TableSpec {
  readonly table: string
  /** Which of its rows are a project's: `?` stands for the project's id. */
  readonly rowFilter: string
  /** Columns with a number that the target gives anew, where others have taken it, by the table whose number it is. */
  readonly shiftedColumns?: Readonly<Record<string, string>>
}

const byProject = 'project_id = ?'
const byReference = (column: string, table: string, key = 'id'): string =>
  `${column} IN (SELECT ${key} FROM ${table} WHERE project_id = ?)`

/**
 * In this order, what is referred to first. Not among them are what triggers count anew as the rows come: `task_counts` and
 * `mailboxes`. They are compared afterwards.
 */
export const copiedTables: readonly TableSpec[] = [
  { table: 'projects', rowFilter: 'id = ?' },
  { table: 'paused_epics', rowFilter: byProject },
  { table: 'pools', rowFilter: byProject },
  { table: 'agents', rowFilter: byProject },
  { table: 'credentials', rowFilter: byProject },
  { table: 'sessions', rowFilter: byProject },
  // Callers without a valid credential were of no project: they go with the one that is always there.
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
  { table: 'events', rowFilter: byProject },
  { table: 'idempotency', rowFilter: byProject },
  { table: 'health_metrics', rowFilter: byReference('agent_id', 'agents') },
]

/** Counted by triggers of the target; what it holds must be what the source holds. */
export const triggerFilledTables: readonly TableSpec[] = [
  { table: 'task_counts', rowFilter: `${byProject} AND tasks <> 0` },
  { table: 'mailboxes', rowFilter: byProject },
]

/** Tables whose rows have numbers of the store's own, and the column they are in. */
export const identityColumns: Readonly<Record<string, string>> = {
  denials: 'ord',
  routes: 'id',
  tasks: 'ord',
  plan_rows: 'ord',
  messages: 'ord',
}
