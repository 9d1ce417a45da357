import { Client } from 'pg'
import { type BrokenPage, brokenPagesSql, describeBrokenPage } from '../event-log/check.ts'
import { readMigrations } from '../migrations/migrate.ts'
import type { CheckResult } from '../sqlite/examine.ts'
import { nowMsSql } from './connection.ts'
import { connectionConfigOf } from './pool.ts'
import { postgresMigrationsFolder } from './postgres.ts'
import { outageMs } from './replica-heartbeat.ts'
import { readSettings, unsafeSettingOf } from './safety-checks.ts'

export interface ExaminePostgresOptions {
  /** Age of a transaction from which an idle session in it is a warning. Default 60 s. */
  readonly idleTransactionMs?: number
}

type CheckFunction = (client: Client, options: Required<ExaminePostgresOptions>) => Promise<readonly CheckResult[]>

const checkSettings: CheckFunction = async (client) => {
  const read = await readSettings(client)
  const problem = unsafeSettingOf(read, 'disk')
  const message = problem ?? `PostgreSQL ${Math.floor(read.version / 10_000)}, a primary, fsync on`
  return [{ check: 'database', state: problem === undefined ? 'ok' : 'failed', message }]
}

const checkSchema: CheckFunction = async (client) => {
  const shipped = readMigrations(postgresMigrationsFolder).length
  const { rows } = await client.query<{ applied: number }>(
    "SELECT count(*)::int AS applied FROM information_schema.columns WHERE table_name = 'schema_migrations' AND column_name = 'min_reader'",
  )
  if (rows[0]?.applied !== 1)
    return [
      { check: 'schema', state: 'failed', message: 'there is no schema: start a server, or run tony-mcp migrate up' },
    ]
  const { rows: steps } = await client.query<{ applied: number }>(
    'SELECT count(*)::int AS applied FROM schema_migrations',
  )
  const missing = shipped - (steps[0]?.applied ?? 0)
  if (missing > 0) return [{ check: 'schema', state: 'warning', message: `${missing} migrations are to be applied` }]
  return [{ check: 'schema', state: 'ok', message: missing < 0 ? 'newer than this program' : 'up to date' }]
}

const checkEvents: CheckFunction = async (client) => {
  const { rows: pages } = await client.query("SELECT 1 FROM pg_tables WHERE tablename = 'event_pages'")
  if (pages.length === 0) return []
  const { rows } = await client.query<BrokenPage>(brokenPagesSql('chr(10)'))
  return [
    rows[0]
      ? { check: 'events', state: 'failed', message: `${describeBrokenPage(rows[0])}: restore a backup` }
      : { check: 'events', state: 'ok', message: 'their pages are whole and join' },
  ]
}

/** Finds the replicas with a recent heartbeat; each sends one per second. */
const checkReplicas: CheckFunction = async (client) => {
  const { rows } = await client.query<{ id: string; host: string; up: string; ago: string }>(
    `SELECT id, host, n.now - started_at AS up, n.now - seen_at AS ago
     FROM replicas, (SELECT ${nowMsSql} AS now) n WHERE seen_at > n.now - ${outageMs} ORDER BY started_at, id`,
  )
  const message = `${rows.length} alive`
  return [
    { check: 'replicas', state: rows.length > 0 ? 'ok' : 'warning', message },
    ...rows.map(({ id, host, up, ago }): CheckResult => {
      const seconds = Math.round(Number(up) / 1_000)
      return { check: 'replica', state: 'ok', message: `${id} on ${host}, up ${seconds} s, seen ${ago} ms ago` }
    }),
  ]
}

/**
 * Finds the sessions that are idle in a transaction. As long as it is open, VACUUM removes no row
 * that was deleted or replaced since its start, and each claim reads past these rows.
 */
const checkIdleTransactions: CheckFunction = async (client, { idleTransactionMs }) => {
  const { rows } = await client.query<{ pid: number; name: string; user: string; seconds: string }>(
    `SELECT pid, application_name AS name, usename AS user,
       floor(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds
     FROM pg_stat_activity
     WHERE datname = current_database() AND state LIKE 'idle in transaction%'
       AND xact_start <= clock_timestamp() - $1 * interval '1 millisecond'
     ORDER BY xact_start, pid`,
    [idleTransactionMs],
  )
  // The state of another role's session is null without the right to see it.
  const { rows: hidden } = await client.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND state IS NULL`,
  )
  const limit = `${idleTransactionMs / 1_000} s`
  const unseen = hidden[0]?.count ?? 0
  const note = unseen > 0 ? `; ${unseen} of other roles cannot be examined without pg_read_all_stats` : ''
  if (rows.length === 0)
    return [{ check: 'sessions', state: 'ok', message: `none is idle in a transaction for ${limit}${note}` }]
  return rows.map(({ pid, name, user, seconds }) => ({
    check: 'sessions',
    state: 'warning',
    message: `process ${pid} (${name === '' ? 'no application name' : name}, role ${user}) is idle in a transaction of ${seconds} s, which slows every claim: end it with SELECT pg_terminate_backend(${pid}), and set idle_in_transaction_session_timeout${note}`,
  }))
}

/** In this order; after a failed check, the next ones cannot run. */
const checks = [checkSettings, checkSchema, checkEvents, checkReplicas, checkIdleTransactions] as const

/** Examines a PostgreSQL database and its replicas. It changes nothing. */
export async function examinePostgres(
  url: string,
  { idleTransactionMs = 60_000 }: ExaminePostgresOptions = {},
): Promise<readonly CheckResult[]> {
  const client = new Client(connectionConfigOf(url))
  // A lost connection fails the query that is waiting; without a listener it would end the process.
  client.on('error', () => undefined)
  const findings: CheckResult[] = []
  try {
    await client.connect()
    for (const run of checks) {
      findings.push(...(await run(client, { idleTransactionMs })))
      if (findings.at(-1)?.state === 'failed') break
    }
    return findings
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [...findings, { check: 'database', state: 'failed', message: `it cannot be examined: ${why}` }]
  } finally {
    await client.end()
  }
}
