import { Client } from 'pg'
import { type Migration, readMigrations, refuseUnknownMigrations } from '../migrations/migrate.ts'
import { type MigrationState, toMigrationStates } from '../migrations/schema-state.ts'
import { migratePostgres, readAppliedMigrations } from './migrate.ts'
import { clientSettings, connectTo } from './pool.ts'
import { postgresMigrations } from './postgres.ts'
import { refuseUnsafeSettings } from './safety-checks.ts'

/** Does something on a connection of its own, past any pooler. */
export async function withPostgres<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ ...clientSettings(url), query_timeout: 0 })
  // What is lost fails the query that waits for it; an event nobody hears would end the process.
  client.on('error', () => undefined)
  await connectTo(client, url)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Brings a database to the newest schema; says what this process did of it. */
export const migrateDatabaseAt = (url: string): Promise<readonly MigrationState[]> =>
  withPostgres(url, async (client) => {
    await refuseUnsafeSettings(client, 'process')
    const known = readMigrations(postgresMigrations)
    const done = await migratePostgres(client, known)
    return done.map(({ number, name }) => ({ number, name, applied: true, known: true }))
  })

/** Every migration this program or the database knows. Only reads; throws SchemaError for a database that is not ours. */
export const migrationStatesAt = (url: string): Promise<readonly MigrationState[]> =>
  withPostgres(url, async (client) =>
    toMigrationStates(readMigrations(postgresMigrations), await readAppliedMigrations(client)),
  )

const expectedSchema = 'tony_ideal'

/** Everything a schema is made of, as the database itself tells it: a name and what it is. */
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
  // Nothing on the path: then every name is told with its schema, and one schema's can be taken for the other's.
  await client.query("SET LOCAL search_path = ''")
  const { rows } = await client.query<{ name: string; text: string }>(schemaObjectsSql, [schema])
  return new Map(rows.map(({ name, text }) => [name, text.replaceAll(`${schema}.`, '')]))
}

async function createExpectedSchema(client: Client, migrations: readonly Migration[]): Promise<void> {
  await client.query(`CREATE SCHEMA ${expectedSchema}; SET LOCAL search_path = ${expectedSchema}`)
  for (const statement of migrations.flatMap(({ statements }) => statements))
    await client.query(statement.replaceAll('"public".', `"${expectedSchema}".`))
}

/**
 * How a database's schema differs from the one its migrations make, each difference in words; none for a newer program's. That one
 * is made beside it, in a transaction that is rolled back. Throws SchemaError where its migrations are not those of this program.
 */
export const schemaDifferencesAt = (url: string): Promise<readonly string[]> =>
  withPostgres(url, async (client) => {
    const known = readMigrations(postgresMigrations)
    const applied = refuseUnknownMigrations(await readAppliedMigrations(client), known)
    if (applied.length > known.length) return []
    await client.query('BEGIN')
    try {
      const actual = await schemaObjectsIn(client, 'public')
      await createExpectedSchema(client, known.slice(0, applied.length))
      const expected = await schemaObjectsIn(client, expectedSchema)
      const names = [...new Set([...actual.keys(), ...expected.keys()])].toSorted()
      return names.flatMap((name) => differenceOf(name, actual.get(name), expected.get(name)))
    } finally {
      await client.query('ROLLBACK')
    }
  })

function differenceOf(name: string, actual: string | undefined, expected: string | undefined): string[] {
  if (actual === undefined) return [`${name} is missing`]
  if (expected === undefined) return [`${name} is of no migration`]
  return actual === expected ? [] : [`${name} was changed`]
}
