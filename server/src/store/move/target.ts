import type { Client } from 'pg'
import { z } from 'zod'
import { readMigrations } from '../migrations/migrate.ts'
import { advisoryLockKey, nowMsSql } from '../postgres/connection.ts'
import { readEpoch, setEpoch } from '../postgres/facts.ts'
import { migratePostgres } from '../postgres/migrate.ts'
import { postgresMigrationsFolder } from '../postgres/postgres.ts'
import { refuseUnsafeSettings } from '../postgres/safety-checks.ts'
import { StoreRefusedError } from '../store-refused-error.ts'
import type { ColumnValue, MoveSource, SourceColumn, SourceProject } from './source.ts'
import { copiedTables, identityColumns, type TableSpec } from './tables.ts'

/**
 * Progress of the move of a project. It is stored in the target, in the same transactions as the
 * rows.
 */
const progressSchema = z.object({
  /** Fingerprint of the source at the start. */
  source: z.string(),
  /** Index of the table, and the source's rowid of the last copied row. */
  table: z.int(),
  after: z.int(),
  /** Offsets added to the numbers of each table. */
  offsets: z.record(z.string(), z.int()),
  done: z.boolean(),
})

export type MoveProgress = z.output<typeof progressSchema>

const progressFactNameOf = (project: string): string => `move ${project}`

async function readFact(client: Client, name: string): Promise<string | undefined> {
  const { rows } = await client.query<{ value: string }>('SELECT value FROM store_facts WHERE name = $1', [name])
  return rows[0]?.value
}

async function setFact(client: Client, name: string, value: string): Promise<void> {
  await client.query(
    'INSERT INTO store_facts VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    [name, value],
  )
}

export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    const value = await work()
    await client.query('COMMIT')
    return value
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Migrates the target. Throws StoreRefusedError if a server or another move is using it. */
export async function prepareTarget(client: Client): Promise<void> {
  await refuseUnsafeSettings(client, 'disk')
  await migratePostgres(client, readMigrations(postgresMigrationsFolder))
  const { rows } = await client.query<{ mine: boolean; used: boolean }>(
    `SELECT pg_try_advisory_lock(${advisoryLockKey('move')}) AS mine,
       EXISTS (SELECT 1 FROM replicas WHERE seen_at > ${nowMsSql} - 10000) AS used`,
  )
  if (!rows[0]?.mine) throw new StoreRefusedError('another move into this database is running: wait for it')
  if (rows[0].used) throw new StoreRefusedError('a server uses the target: stop it, and wait 10 s after it was killed')
}

/**
 * True for a database that has not served any agent. It takes over the source's epoch and secrets,
 * so existing cursors and leases stay valid.
 */
async function isDatabaseUnused(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ used: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM projects p WHERE p.seq > 0 OR p.name <> 'default')
       OR EXISTS (SELECT 1 FROM agents) OR EXISTS (SELECT 1 FROM credentials) OR EXISTS (SELECT 1 FROM tasks) AS used`,
  )
  return !rows[0]?.used
}

/**
 * Returns the progress of an interrupted move, or starts a new one. Throws StoreRefusedError if the
 * target already has the project, or part of it from a source that has changed since.
 */
export function startOrResumeMove(client: Client, source: MoveSource, project: SourceProject): Promise<MoveProgress> {
  return inTransaction(client, async () => {
    const saved = await readFact(client, progressFactNameOf(project.id))
    if (saved !== undefined) {
      const progress = progressSchema.parse(JSON.parse(saved))
      if (progress.source === source.fingerprint) return progress
      throw new StoreRefusedError(
        `${source.file} was written to since project ${project.name} began to be moved: empty the target and begin again`,
      )
    }
    await refuseExistingProject(client, project)
    if (await isDatabaseUnused(client)) await copyEpochAndSecrets(client, source)
    else await refuseOtherPepper(client, source)
    const progress = {
      source: source.fingerprint,
      table: 0,
      after: 0,
      offsets: await reserveNumbers(client, source),
      done: false,
    }
    await setFact(client, progressFactNameOf(project.id), JSON.stringify(progress))
    return progress
  })
}

async function copyEpochAndSecrets(client: Client, source: MoveSource): Promise<void> {
  await client.query('DELETE FROM projects; DELETE FROM replicas')
  await setEpoch(client, source.readFact('epoch') ?? '')
  for (const name of ['secret', 'pepper']) {
    const value = source.readFact(name)
    if (value !== undefined) await setFact(client, name, value)
  }
}

async function refuseOtherPepper(client: Client, source: MoveSource): Promise<void> {
  const [theirs, ours] = [await readFact(client, 'pepper'), source.readFact('pepper')]
  if (theirs === undefined || ours === undefined || theirs === ours) return
  throw new StoreRefusedError(
    'the target has another pepper than the source: keys and refresh tokens of the project would be refused there',
  )
}

async function refuseExistingProject(client: Client, { id, name }: SourceProject): Promise<void> {
  const { rows } = await client.query<{ id: string; empty: boolean }>(
    `SELECT id, seq = 0 AND NOT EXISTS (SELECT 1 FROM agents a WHERE a.project_id = p.id)
       AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.project_id = p.id) AS empty
     FROM projects p WHERE id = $1 OR name = $2`,
    [id, name],
  )
  if (rows.some(({ empty }) => !empty))
    throw new StoreRefusedError(`the target has a project ${name} already, and it is not empty: nothing was written`)
  for (const row of rows) await client.query('DELETE FROM projects WHERE id = $1', [row.id])
}

/** True if all rows of the target came from this source and no server has added any. */
async function holdsOnlyRowsOf(client: Client, source: MoveSource): Promise<boolean> {
  const { rows } = await client.query<{ served: boolean }>(
    "SELECT EXISTS (SELECT 1 FROM replicas WHERE id <> 'moved') AS served",
  )
  return !rows[0]?.served && (await readEpoch(client)).epoch === source.readFact('epoch')
}

/**
 * Reserves numbers for all rows of the source that the target neither has assigned nor will assign.
 * Returns the offset of each table; 0 if the target has only rows of this source.
 */
async function reserveNumbers(client: Client, source: MoveSource): Promise<Record<string, number>> {
  const offsets: Record<string, number> = {}
  const same = await holdsOnlyRowsOf(client, source)
  for (const [table, highest] of Object.entries(source.highestNumbers())) {
    const column = identityColumns[table] ?? 'ord'
    const { rows } = await client.query<{ taken: string }>(`SELECT coalesce(max(${column}), 0) AS taken FROM ${table}`)
    const taken = Number(rows[0]?.taken ?? 0)
    const offset = same ? 0 : taken
    offsets[table] = offset
    const next = Math.max(1, taken, offset + highest)
    await client.query('SELECT setval(pg_get_serial_sequence($1, $2), $3)', [table, column, next])
  }
  return offsets
}

/** Returns the values of a row with the numbers of the target. */
export const renumberRow = (
  { shiftedColumns = {} }: TableSpec,
  columns: readonly SourceColumn[],
  offsets: MoveProgress['offsets'],
  row: readonly ColumnValue[],
): ColumnValue[] =>
  columns.map(({ name }, index) => {
    const value = row[index] ?? null
    return typeof value === 'number' ? value + (offsets[shiftedColumns[name] ?? ''] ?? 0) : value
  })

/** Copies a page and stores the progress in one transaction. */
export function copyPage(
  client: Client,
  {
    spec,
    columns,
    rows,
  }: { spec: TableSpec; columns: readonly SourceColumn[]; rows: readonly (readonly ColumnValue[])[] },
  { project, progress }: { project: string; progress: MoveProgress },
): Promise<void> {
  return inTransaction(client, async () => {
    if (rows.length > 0) {
      const names = columns.map(({ name }) => `"${name}"`).join(', ')
      const lists = columns.map(({ kind }, index) => `$${index + 1}::${kind}[]`).join(', ')
      // A trigger counts each inserted claim group.
      const isCountedByTrigger = (name: string) => spec.table === 'projects' && name === 'routes'
      const values = columns.map(({ name }, index) =>
        rows.map((row) => (isCountedByTrigger(name) ? 0 : (row[index] ?? null))),
      )
      await client.query(
        `INSERT INTO ${spec.table} (${names}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest(${lists})`,
        values,
      )
    }
    await setFact(client, progressFactNameOf(project), JSON.stringify(progress))
  })
}

/** Adds the counts of purged messages; the triggers cannot derive them from the copied rows. */
export async function addPurgedCounts(client: Client, purged: readonly (readonly [string, number])[]): Promise<void> {
  for (const [agent, count] of purged)
    await client.query('UPDATE mailboxes SET accepted = accepted + $2 - purged, purged = $2 WHERE agent_id = $1', [
      agent,
      count,
    ])
}

/**
 * Ends a move. The outage of the move begins at the last commit of the source, and servers may
 * start now. Returns true if the target has the source's epoch.
 */
export function finishMove(client: Client, source: MoveSource, projects: readonly SourceProject[]): Promise<boolean> {
  return inTransaction(client, async () => {
    for (const { id } of projects) {
      const saved = progressSchema.parse(JSON.parse((await readFact(client, progressFactNameOf(id))) ?? '{}'))
      await setFact(
        client,
        progressFactNameOf(id),
        JSON.stringify({ ...saved, table: copiedTables.length, done: true }),
      )
    }
    const last = Number(source.readFact('last_commit') ?? 0)
    await client.query(
      `INSERT INTO replicas (id, host, started_at, seen_at) VALUES ('moved', 'moved', $1, $1) ON CONFLICT (id) DO NOTHING`,
      [last],
    )
    return (await readEpoch(client)).epoch === source.readFact('epoch')
  })
}
