import { Client } from 'pg'
import { type Migration, readMigrations, refuseUnknownMigrations } from '../migrations/migrate.ts'
import { type MigrationState, schemaDifferencesOf, toMigrationStates } from '../migrations/schema-state.ts'
import { migratePostgres, readAppliedMigrations } from './migrate.ts'
import { connectionConfigOf, connectTo } from './pool.ts'
import { postgresMigrationsFolder } from './postgres.ts'
import { refuseUnsafeSettings } from './safety-checks.ts'

/** Runs `work` on a direct connection of its own. */
export async function withPostgres<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ ...connectionConfigOf(url), query_timeout: 0 })
  // A lost connection fails the query that is waiting; without a listener it would end the process.
  client.on('error', () => undefined)
  await connectTo(client, url)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Applies the missing migrations and returns the ones this process applied. */
export const migrateDatabaseAt = (url: string): Promise<readonly MigrationState[]> =>
  withPostgres(url, async (client) => {
    await refuseUnsafeSettings(client, 'process')
    const known = readMigrations(postgresMigrationsFolder)
    const done = await migratePostgres(client, known)
    return done.map(({ number, name }) => ({ number, name, applied: true, known: true }))
  })

/**
 * Returns every migration that this version or the database knows. It only reads. Throws
 * SchemaError for a database of another program.
 */
export const readMigrationStatesAt = (url: string): Promise<readonly MigrationState[]> =>
  withPostgres(url, async (client) =>
    toMigrationStates(readMigrations(postgresMigrationsFolder), await readAppliedMigrations(client)),
  )

const expectedSchemaName = 'tony_ideal'

/** Query for the objects of a schema: name and definition, as the database reports them. */
const schemaObjectsSql = `
  SELECT 'column ' || table_name || '.' || column_name AS name,
    concat_ws(' ', data_type, collation_name, is_nullable, column_default, is_identity) AS text
    FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'schema_migrations'
  UNION ALL SELECT 'index ' || c.relname, pg_get_indexdef(c.oid) FROM pg_class c
    WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'i' AND c.relname NOT LIKE 'schema_migrations%'
  UNION ALL SELECT 'constraint ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = $1::regnamespace AND contype <> 'n' AND conname NOT LIKE 'schema_migrations%'
  UNION ALL SELECT 'trigger ' || t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = $1::regnamespace AND NOT t.tgisinternal
  UNION ALL SELECT 'function ' || p.proname, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = $1::regnamespace`

async function schemaObjectsIn(client: Client, schema: string): Promise<Map<string, string>> {
  // With an empty search path every definition includes its schema's name, which is then removed.
  await client.query("SET LOCAL search_path = ''")
  const { rows } = await client.query<{ name: string; text: string }>(schemaObjectsSql, [schema])
  return new Map(rows.map(({ name, text }) => [name, text.replaceAll(`${schema}.`, '')]))
}

async function createExpectedSchema(client: Client, migrations: readonly Migration[]): Promise<void> {
  await client.query(`CREATE SCHEMA ${expectedSchemaName}; SET LOCAL search_path = ${expectedSchemaName}`)
  for (const statement of migrations.flatMap(({ statements }) => statements))
    await client.query(statement.replaceAll('"public".', `"${expectedSchemaName}".`))
}

/**
 * Returns the differences between a database's schema and the result of its migrations, in words;
 * none for a schema of a newer version. It creates the expected schema beside the actual one in a
 * transaction that it rolls back. Throws SchemaError if the migrations are not those of this
 * version.
 */
export const findSchemaDifferencesAt = (url: string): Promise<readonly string[]> =>
  withPostgres(url, async (client) => {
    const known = readMigrations(postgresMigrationsFolder)
    const applied = refuseUnknownMigrations(await readAppliedMigrations(client), known)
    if (applied.length > known.length) return []
    await client.query('BEGIN')
    try {
      const actual = await schemaObjectsIn(client, 'public')
      await createExpectedSchema(client, known.slice(0, applied.length))
      const expected = await schemaObjectsIn(client, expectedSchemaName)
      return schemaDifferencesOf(actual, expected)
    } finally {
      await client.query('ROLLBACK')
    }
  })
