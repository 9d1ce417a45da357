import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { numberFor, referencesOf } from '../ids.ts'

type Value = string | number | null
type Row = Record<string, Value>

export interface PlantedOp {
  client: string
  f: string
  /** The time of the call; the reply comes a millisecond later. */
  t: number
  /** `lost` has no line for the outcome, `note` has none for the call. */
  type: 'ok' | 'fail' | 'info' | 'lost' | 'note'
  in?: Record<string, unknown>
  out?: Record<string, unknown>
}

export interface PlantedEvent {
  type: string
  subject: string | null
  actor?: string
  epic?: string
  data?: Record<string, unknown>
  /** Default: its position in the list. */
  seq?: number
}

/** A history and a database as data. They are written to disk as they are, right or wrong. */
export interface Story {
  agents: { id: string; name: string; role: string }[]
  tasks: (Row & { id: string })[]
  dependencies: { task: string; on: string }[]
  messages: (Row & { id: string })[]
  failures: { message: string; attempt: number }[]
  /** The locks that are held at the end. */
  locks: { lock: string; task: string }[]
  pools: { name: string; size: number }[]
  events: PlantedEvent[]
  /** Default: the number of events. */
  head?: number
  ops: PlantedOp[]
  /** SQL that changes the database after the rows. */
  tampered: string[]
  /** Text after the last line of a client's file. */
  tails: Record<string, string>
}

const schema = new URL('../../../drizzle/sqlite/', import.meta.url)

const statements = (): string[] =>
  readdirSync(schema)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
    .flatMap((name) => readFileSync(new URL(name, schema), 'utf8').split('--> statement-breakpoint'))

function insert(database: Database.Database, table: string, row: Row): void {
  const names = Object.keys(row)
  const references = referencesOf(database, table)
  for (const name of references) {
    if (typeof row[name] === 'string')
      database.prepare('insert into identifiers (id) values (?) on conflict do nothing').run(row[name])
  }
  const values = names.map((name) => (references.includes(name) ? numberFor('?') : '?'))
  database
    .prepare(`insert into ${table} (${names.join(', ')}) values (${values.join(', ')})`)
    .run(...Object.values(row))
}

const taskRow = (task: Row): Row => ({
  project_id: 'p',
  type: 'work',
  requires: '[]',
  priority: 2,
  route_id: 1,
  max_attempts: 3,
  metadata: '{}',
  created_at: 0,
  ...task,
})

const messageRow = (message: Row): Row => ({
  project_id: 'p',
  payload: '{}',
  priority: 2,
  max_deliver: 5,
  created_at: 0,
  ...message,
})

export const seqOf = (event: PlantedEvent, index: number): number => event.seq ?? index + 1

function fill(database: Database.Database, story: Story): void {
  insert(database, 'projects', { id: 'p', name: 'default', created_at: 0, seq: story.head ?? story.events.length })
  insert(database, 'routes', { project_id: 'p', requires: '[]', assigned_to: '' })
  for (const agent of story.agents) {
    insert(database, 'agents', {
      ...agent,
      project_id: 'p',
      type: 'implementation',
      capabilities: '[]',
      registered_at: 0,
      last_activity: 0,
      metadata: '{}',
    })
  }
  for (const task of story.tasks) insert(database, 'tasks', taskRow(task))
  for (const { task, on } of story.dependencies)
    insert(database, 'task_dependencies', { task_id: task, depends_on_id: on })
  for (const message of story.messages) insert(database, 'messages', messageRow(message))
  for (const { message, attempt } of story.failures) {
    insert(database, 'delivery_failures', { message_id: message, attempt, at: 0, reason: 'nak' })
  }
  for (const { lock, task } of story.locks)
    insert(database, 'locks', { project_id: 'p', lock, task_id: task, exclusive: 0, since: 0 })
  for (const pool of story.pools) insert(database, 'pools', { project_id: 'p', ...pool })
  for (const [index, event] of story.events.entries()) {
    const { type, subject, actor = null, epic = null, data = {} } = event
    const seq = seqOf(event, index)
    insert(database, 'events', {
      project_id: 'p',
      seq,
      at: seq,
      type,
      subject,
      actor,
      epic,
      data: JSON.stringify(data),
    })
  }
}

function plantDatabase(file: string, story: Story): void {
  const database = new Database(file)
  database.pragma('synchronous = off')
  database.pragma('journal_mode = memory')
  for (const statement of statements()) database.exec(statement)
  // The planted rows may be ones that the schema refuses.
  database.pragma('foreign_keys = off')
  database.pragma('ignore_check_constraints = on')
  database.exec('drop index messages_id_unique')
  database.transaction(() => fill(database, story))()
  for (const sql of story.tampered) database.exec(sql)
  database.close()
}

function linesOf(op: PlantedOp, i: number): string[] {
  const { client, f, t, type, in: input, out } = op
  const called = JSON.stringify({ i, t, type: 'invoke', client, f, in: input ?? {} })
  if (type === 'lost') return [called]
  if (type === 'note') return [JSON.stringify({ i, t, type: 'ok', client, f, out })]
  return [called, JSON.stringify({ i, t: t + 1, type, client, f, out })]
}

/** Writes a story to a directory: one file for each client, and the database. */
export function plant(directory: string, story: Story): { histories: string[]; database: string } {
  const database = join(directory, 'tony.db')
  plantDatabase(database, story)
  const histories: string[] = []
  for (const [client, ops] of Map.groupBy(story.ops, (op) => op.client)) {
    const file = join(directory, `${client}.jsonl`)
    const lines = ops.flatMap((op, index) => linesOf(op, index + 1))
    writeFileSync(file, `${lines.join('\n')}\n${story.tails[client] ?? ''}`)
    histories.push(file)
  }
  return { histories, database }
}
