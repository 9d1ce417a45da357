import Database from 'better-sqlite3'
import { showIds } from '../ids.ts'
import type { Rule } from './violation.ts'

/** A counter that differs from the number of its rows. */
export interface Miscount {
  readonly rule: Extract<Rule, 'conservation-broken' | 'rollup-wrong'>
  readonly subject: string
  readonly counted: unknown
  readonly found: unknown
}

interface Mailbox {
  readonly agentId: string
  readonly accepted: number
  readonly pending: number
  readonly delivered: number
  readonly acked: number
  readonly dead: number
  readonly expired: number
  readonly purged: number
}

const mailboxesSql = `select agent_id as "agentId", accepted, pending, delivered, acked, dead, expired, purged from mailboxes`
const messagesSql = 'select to_agent as "agentId", status, count(*) as rows from messages group by to_agent, status'
const countsSql = `select project_id as project, epic, story, status, priority, tasks from task_counts where tasks <> 0`
const tasksSql = `select project_id as project, coalesce(epic, '') as epic, coalesce(story, '') as story, status,
  priority, count(*) as tasks from tasks group by 1, 2, 3, 4, 5`

const statuses = ['pending', 'delivered', 'acked', 'dead', 'expired'] as const

/** Runs a query on the checked database. */
export type Rows = <Row>(sql: string) => Row[]

/**
 * Compares the counters of an inbox with its rows: one counter for each status, and one for all
 * accepted messages, the purged ones included.
 */
function mailboxes(rowsOf: Rows): Miscount[] {
  const rows = rowsOf<{ agentId: string; status: string; rows: number }>(messagesSql)
  const found = Map.groupBy(rows, (row) => row.agentId)
  const known = rowsOf<Mailbox>(mailboxesSql)
  const without = [...found.keys()].filter((agentId) => !known.some((mailbox) => mailbox.agentId === agentId))
  const wrong = known.filter((mailbox) => {
    const stored = new Map((found.get(mailbox.agentId) ?? []).map((row) => [row.status, row.rows]))
    const total = statuses.reduce((sum, status) => sum + (stored.get(status) ?? 0), 0)
    const asStored = statuses.every((status) => mailbox[status] === (stored.get(status) ?? 0))
    return !asStored || mailbox.purged < 0 || mailbox.accepted !== total + mailbox.purged
  })
  return [
    ...without.map((agentId) => ({ agentId, counted: undefined })),
    ...wrong.map((mailbox) => ({ agentId: mailbox.agentId, counted: mailbox })),
  ].map(({ agentId, counted }) => ({
    rule: 'conservation-broken',
    subject: `mailbox of ${agentId}`,
    counted,
    found: found.get(agentId) ?? [],
  }))
}

interface Count {
  readonly project: string
  readonly epic: string
  readonly story: string
  readonly status: string
  readonly priority: number
  readonly tasks: number
}

function rollups(rowsOf: Rows): Miscount[] {
  const keyOf = ({ project, epic, story, status, priority }: Count) =>
    JSON.stringify([project, epic, story, status, priority])
  const byKey = (sql: string) => new Map(rowsOf<Count>(sql).map((row) => [keyOf(row), row.tasks]))
  const [counted, found] = [byKey(countsSql), byKey(tasksSql)]
  return [...new Set([...counted.keys(), ...found.keys()])]
    .filter((key) => counted.get(key) !== found.get(key))
    .map((key) => ({
      rule: 'rollup-wrong',
      subject: `tasks ${key}`,
      counted: counted.get(key) ?? 0,
      found: found.get(key) ?? 0,
    }))
}

/** Returns every counter that differs from the number of its rows. */
export const miscountsBy = (rowsOf: Rows): Miscount[] => [...mailboxes(rowsOf), ...rollups(rowsOf)]

export const miscountsIn = (database: Database.Database): Miscount[] =>
  miscountsBy(<Row>(sql: string) => database.prepare<[], Row>(sql).all())

/** Returns the wrong counters of a database file. */
export function miscounted(file: string): Miscount[] {
  const database = new Database(file, { readonly: true, fileMustExist: true })
  try {
    showIds(database)
    return database.transaction(() => miscountsIn(database))()
  } finally {
    database.close()
  }
}
