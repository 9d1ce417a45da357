/** One table that is moved with its project. */
export interface Moved {
  readonly table: string
  /** Which of its rows are a project's: `?` stands for the project's id. */
  readonly of: string
  /** Columns with a number that the target gives anew, where others have taken it, by the table whose number it is. */
  readonly shifted?: Readonly<Record<string, string>>
}

const ofProject = 'project_id = ?'
const within = (column: string, table: string, key = 'id'): string =>
  `${column} IN (SELECT ${key} FROM ${table} WHERE project_id = ?)`

/**
 * In this order, what is referred to first. Not among them are what triggers count anew as the rows come: `task_counts` and
 * `mailboxes`. They are compared afterwards.
 */
export const movedTables: readonly Moved[] = [
  { table: 'projects', of: 'id = ?' },
  { table: 'paused_epics', of: ofProject },
  { table: 'pools', of: ofProject },
  { table: 'agents', of: ofProject },
  { table: 'credentials', of: ofProject },
  { table: 'sessions', of: ofProject },
  // Callers without a valid credential were of no project: they go with the one that is always there.
  {
    table: 'denials',
    of: "coalesce(project_id, (SELECT id FROM projects WHERE name = 'default')) = ?",
    shifted: { ord: 'denials' },
  },
  { table: 'routes', of: ofProject, shifted: { id: 'routes' } },
  { table: 'tasks', of: ofProject, shifted: { ord: 'tasks', route_id: 'routes', ready: 'routes' } },
  { table: 'task_dependencies', of: within('task_id', 'tasks') },
  { table: 'locks', of: ofProject },
  { table: 'artifacts', of: within('task_id', 'tasks') },
  { table: 'orphan_results', of: within('task_id', 'tasks') },
  { table: 'plans', of: ofProject },
  { table: 'plan_rows', of: within('plan_id', 'plans'), shifted: { ord: 'plan_rows' } },
  { table: 'bodies', of: within('id', 'messages', 'body_id') },
  { table: 'messages', of: ofProject, shifted: { ord: 'messages' } },
  { table: 'subscriptions', of: ofProject },
  { table: 'requests', of: ofProject },
  { table: 'delivery_failures', of: within('message_id', 'messages') },
  { table: 'events', of: ofProject },
  { table: 'idempotency', of: ofProject },
  { table: 'health_metrics', of: within('agent_id', 'agents') },
]

/** Counted by triggers of the target; what it holds must be what the source holds. */
export const countedTables: readonly Moved[] = [
  { table: 'task_counts', of: `${ofProject} AND tasks <> 0` },
  { table: 'mailboxes', of: ofProject },
]

/** Tables whose rows have numbers of the store's own, and the column they are in. */
export const numbered: Readonly<Record<string, string>> = {
  denials: 'ord',
  routes: 'id',
  tasks: 'ord',
  plan_rows: 'ord',
  messages: 'ord',
}
