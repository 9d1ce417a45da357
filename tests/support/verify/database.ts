import Database from 'better-sqlite3'
import { showIds } from '../ids.ts'
import { type Miscount, miscountsIn } from './miscounts.ts'

export interface TaskRow {
  readonly id: string
  readonly agentId: string | null
  readonly status: string
  readonly ready: number | null
  readonly openDeps: number
  readonly attempt: number
  readonly verify: number
  /** The locks that a claim takes. */
  readonly locks: readonly string[]
  readonly heldLocks: number
}

/** True if the task has a lease. */
export const isHeld = (row: TaskRow | undefined): boolean => row?.status === 'in_progress'

export interface LockRow {
  readonly lock: string
  readonly taskId: string
}

export interface MessageRow {
  readonly id: string
  readonly fromAgent: string | null
  readonly toAgent: string
  readonly type: string
  readonly status: string
  readonly deliveries: number
  readonly maxDeliver: number
  readonly redrives: number
}

export interface AgentRow {
  readonly id: string
  readonly name: string
  readonly role: string
}

export interface EventRow {
  readonly seq: number
  readonly type: string
  readonly subject: string | null
  readonly actor: string | null
  readonly attempt: number | null
  readonly agentId: string | null
  /** 1 if the source of a plan has caused it, and no agent or operator. */
  readonly imported: number
  readonly epic: string | null
  /** The locks that a lease has taken in addition to those of its task. */
  readonly locks: readonly string[]
}

export interface StoredDependency {
  readonly dependsOnId: string
  readonly kind: number
}

export interface Stored {
  readonly seq: number
  readonly agents: Map<string, AgentRow>
  readonly agentsByName: Map<string, AgentRow>
  readonly tasks: Map<string, TaskRow>
  /** A task's dependencies by its id, own and derived ones. */
  readonly dependencies: Map<string, StoredDependency[]>
  readonly messages: MessageRow[]
  readonly messagesById: Map<string, MessageRow[]>
  readonly messageCounts: Record<string, number>
  /** The number of failed deliveries by message. */
  readonly deliveryFailures: Map<string, number>
  /** The locks that are held at the end. */
  readonly locks: LockRow[]
  /** The size of each pool by name. */
  readonly pools: Map<string, number>
  readonly miscounts: Miscount[]
  readonly events: EventRow[]
  /** The events of tasks and messages by id, in the order of the log. */
  readonly eventsOf: Map<string, EventRow[]>
}

const sql = {
  project: 'select id, seq from projects where name = ?',
  agents: 'select id, name, role from agents where project_id = ?',
  tasks: `select id, agent_id as agentId, status, ready, open_deps as openDeps, attempt,
    acceptance = 'verify' as verify, coalesce(locks, '[]') as locks, held_locks as heldLocks from tasks where project_id = ?`,
  dependencies: `select d.task_id as taskId, d.depends_on_id as dependsOnId, d.kind
    from task_dependencies d join tasks t on t.id = d.task_id where t.project_id = ?`,
  messages: `select id, from_agent as fromAgent, to_agent as toAgent, type, status, retry_count as deliveries,
    max_deliver as maxDeliver, redrives from messages where project_id = ? order by ord`,
  messageCounts: 'select status, count(*) as rows from messages where project_id = ? group by status',
  failures: `select f.message_id as messageId, count(*) as rows
    from delivery_failures f join messages m on m.id = f.message_id where m.project_id = ? group by f.message_id`,
  // Data that is not JSON or lacks a field leaves the field unknown.
  locks: 'select lock, task_id as taskId from locks where project_id = ?',
  pools: 'select name, size from pools where project_id = ?',
  events: `select seq, type, subject, actor, epic,
      case when json_type(data, '$.locks') = 'array' then data -> '$.locks' else '[]' end as locks,
      data ->> '$.imported' is 1 as imported,
      case when typeof(data ->> '$.attempt') = 'integer' then data ->> '$.attempt' end as attempt,
      case when typeof(data ->> '$.agentId') = 'text' then data ->> '$.agentId' end as agentId,
      case when typeof(data ->> '$.messageId') = 'text' then data ->> '$.messageId' end as messageId
    from (select seq, type, subject, actor, epic, iif(json_valid(data), data, '{}') as data from event_log where project_id = ?)
    order by seq`,
}

type LoggedEvent = EventRow & { readonly messageId: string | null }

/** A row as the database has it: its list of locks is text. */
type AsStored<Row> = Omit<Row, 'locks'> & { readonly locks: string }

const withLocks = <Row extends { readonly locks: string }>(rows: readonly Row[]) =>
  rows.map((row) => {
    const locks: readonly string[] = JSON.parse(row.locks)
    return { ...row, locks }
  })

const isOf = (event: LoggedEvent) =>
  event.type.startsWith('message.') ? (event.messageId ?? event.subject) : event.subject

function indexEvents(events: readonly LoggedEvent[]): Map<string, EventRow[]> {
  const byId = new Map<string, EventRow[]>()
  for (const event of events) {
    const id = isOf(event)
    if (id === null || !/^(task|message)\./.test(event.type)) continue
    const known = byId.get(id)
    if (known) known.push(event)
    else byId.set(id, [event])
  }
  return byId
}

function readProject(database: Database.Database, name: string): Stored {
  const project = database.prepare<[string], { id: string; seq: number }>(sql.project).get(name)
  if (!project) throw new Error(`the database has no project named ${name}`)
  const all = <Row>(query: string): Row[] => database.prepare<[string], Row>(query).all(project.id)

  const agents = all<AgentRow>(sql.agents)
  const tasks: TaskRow[] = withLocks(all<AsStored<TaskRow>>(sql.tasks))
  const messages = all<MessageRow>(sql.messages)
  const events: LoggedEvent[] = withLocks(all<AsStored<LoggedEvent>>(sql.events))
  const dependencies = new Map<string, StoredDependency[]>()
  for (const { taskId, ...edge } of all<StoredDependency & { taskId: string }>(sql.dependencies)) {
    dependencies.set(taskId, [...(dependencies.get(taskId) ?? []), edge])
  }
  return {
    seq: project.seq,
    agents: new Map(agents.map((agent) => [agent.id, agent])),
    agentsByName: new Map(agents.map((agent) => [agent.name, agent])),
    tasks: new Map(tasks.map((task) => [task.id, task])),
    dependencies,
    messages,
    messagesById: Map.groupBy(messages, (message) => message.id),
    messageCounts: Object.fromEntries(
      all<{ status: string; rows: number }>(sql.messageCounts).map(({ status, rows }) => [status, rows]),
    ),
    deliveryFailures: new Map(
      all<{ messageId: string; rows: number }>(sql.failures).map(({ messageId, rows }) => [messageId, rows]),
    ),
    locks: all<LockRow>(sql.locks),
    pools: new Map(all<{ name: string; size: number }>(sql.pools).map(({ name, size }) => [name, size])),
    miscounts: miscountsIn(database),
    events,
    eventsOf: indexEvents(events),
  }
}

/** Reads everything that the rules need from one snapshot of the file. */
export function readDatabase(file: string, project: string): Stored {
  const database = new Database(file, { readonly: true, fileMustExist: true })
  try {
    showIds(database)
    return database.transaction(() => readProject(database, project))()
  } finally {
    database.close()
  }
}
