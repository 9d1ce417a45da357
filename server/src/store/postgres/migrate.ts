import type { ClientBase } from 'pg'
import { type AppliedMigration, type Migration, refuseUnknownMigrations, SchemaError } from '../migrations/migrate.ts'
import { advisoryLockKey, nowMsSql } from './connection.ts'

const createMigrationsTableSql = `CREATE TABLE IF NOT EXISTS schema_migrations (
  number bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, min_reader bigint NOT NULL, applied_at bigint NOT NULL
)`

/** The process that migrates holds this lock to the end of each step. */
const acquireMigrationLockSql = `
  SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
  SELECT pg_advisory_xact_lock(${advisoryLockKey('migrations')})`

/**
 * Applies the missing migrations, each in its own transaction. If one fails, its step changes
 * nothing and the function throws SchemaError. Any number of processes may run it at once: one
 * applies each step, and the others find it applied. Returns the migrations that this process
 * applied.
 */
export async function migratePostgres(
  client: ClientBase,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const done: Migration[] = []
  for (;;) {
    const next = await applyNext(client, migrations)
    if (!next) return done
    done.push(next)
  }
}

/** Applies the next missing migration; returns undefined if none is missing. */
async function applyNext(client: ClientBase, migrations: readonly Migration[]): Promise<Migration | undefined> {
  await client.query(`BEGIN; ${acquireMigrationLockSql}`)
  try {
    const applied = await readAppliedMigrations(client)
    refuseUnknownMigrations(applied, migrations)
    const next = migrations[applied.length]
    if (next) await applyMigration(client, next)
    await client.query('COMMIT')
    return next
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function applyMigration(client: ClientBase, migration: Migration): Promise<void> {
  await client.query(createMigrationsTableSql)
  for (const statement of migration.statements) await client.query(statement)
  await client.query(`INSERT INTO schema_migrations VALUES ($1, $2, $3, $4, ${nowMsSql})`, [
    migration.number,
    migration.name,
    migration.checksum,
    migration.minReader,
  ])
}

/**
 * Returns the applied migrations; none for an empty schema. Throws SchemaError if the schema has
 * tables of another program.
 */
export async function readAppliedMigrations(client: ClientBase): Promise<AppliedMigration[]> {
  const { rows: tables } = await client.query<{ name: string; ours: boolean }>(
    `SELECT t.table_name AS name, EXISTS (
       SELECT 1 FROM information_schema.columns c
       WHERE c.table_schema = t.table_schema AND c.table_name = 'schema_migrations' AND c.column_name = 'min_reader'
     ) AS ours
     FROM information_schema.tables t WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE' ORDER BY 1`,
  )
  if (tables.length === 0) return []
  if (!tables[0]?.ours) {
    const names = tables.slice(0, 5).map(({ name }) => name)
    throw new SchemaError(
      `this is a database of another program (tables ${names.join(', ')}); it was not touched. Choose another DATABASE_URL`,
    )
  }
  const { rows } = await client.query<Record<keyof AppliedMigration, string>>(
    'SELECT * FROM schema_migrations ORDER BY number',
  )
  return rows.map(({ number, name, checksum, min_reader }) => ({
    number: Number(number),
    name,
    checksum,
    min_reader: Number(min_reader),
  }))
}
