import Database from 'better-sqlite3'
import { type Miscount, miscountsIn } from './counters.ts'

export interface TaskRow {
  readonly id: string
  readonly agentId: string | null
  readonly status: string
  readonly ready: number | null
  readonly openDeps: number
  readonly attempt: number
}

export interface MessageRow {
  readonly id: string
  readonly fromAgent: string | null
  readonly toAgent: string
  readonly type: string
  readonly status: string
  readonly deliveries: number
  readonly maxDeliver: number
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
}

export interface Stored {
  readonly seq: number
  readonly agents: Map<string, AgentRow>
  readonly agentsByName: Map<string, AgentRow>
  readonly tasks: Map<string, TaskRow>
  /** Ids of what a task depends on, by its id. */
  readonly dependencies: Map<string, string[]>
  readonly messages: MessageRow[]
  readonly messagesById: Map<string, MessageRow[]>
  readonly messageCounts: Record<string, number>
  /** Number of failed deliveries, by message. */
  readonly deliveryFailures: Map<string, number>
  readonly miscounts: Miscount[]
  readonly events: EventRow[]
  /** Events of tasks and of messages, by the task's or message's id and in the order of the log. */
  readonly eventsOf: Map<string, EventRow[]>
}

const sql = {
  project: 'select id, seq from projects where name = ?',
  agents: 'select id, name, role from agents where project_id = ?',
  tasks: `select id, agent_id as agentId, status, ready, open_deps as openDeps, attempt from tasks where project_id = ?`,
  dependencies: `select d.task_id as taskId, d.depends_on_id as dependsOnId
    from task_dependencies d join tasks t on t.id = d.task_id where t.project_id = ?`,
  messages: `select id, from_agent as fromAgent, to_agent as toAgent, type, status, retry_count as deliveries,
    max_deliver as maxDeliver from messages where project_id = ? order by ord`,
  messageCounts: 'select status, count(*) as rows from messages where project_id = ? group by status',
  failures: `select f.message_id as messageId, count(*) as rows
    from delivery_failures f join messages m on m.id = f.message_id where m.project_id = ? group by f.message_id`,
  // Data that is no JSON, or lacks a field, leaves the field unknown.
  events: `select seq, type, subject, actor,
      case when typeof(data ->> '$.attempt') = 'integer' then data ->> '$.attempt' end as attempt,
      case when typeof(data ->> '$.agentId') = 'text' then data ->> '$.agentId' end as agentId,
      case when typeof(data ->> '$.messageId') = 'text' then data ->> '$.messageId' end as messageId
    from (select seq, type, subject, actor, iif(json_valid(data), data, '{}') as data from events where project_id = ?)
    order by seq`,
}

type LoggedEvent = EventRow & { readonly messageId: string | null }

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
  const tasks = all<TaskRow>(sql.tasks)
  const messages = all<MessageRow>(sql.messages)
  const events = all<LoggedEvent>(sql.events)
  const dependencies = new Map<string, string[]>()
  for (const { taskId, dependsOnId } of all<{ taskId: string; dependsOnId: string }>(sql.dependencies)) {
    dependencies.set(taskId, [...(dependencies.get(taskId) ?? []), dependsOnId])
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
    miscounts: miscountsIn(database),
    events,
    eventsOf: indexEvents(events),
  }
}

/** Reads all the rules look at from one snapshot of the file. */
export function readDatabase(file: string, project: string): Stored {
  const database = new Database(file, { readonly: true, fileMustExist: true })
  try {
    return database.transaction(() => readProject(database, project))()
  } finally {
    database.close()
  }
}
