import { Client } from 'pg'
import { type Migration, readMigrations, refuseUnknown } from '../migrations/migrate.ts'
import { type MigrationState, statesFrom } from '../migrations/schema-state.ts'
import { migratePostgres, readLedger } from './migrate.ts'
import { clientSettings, reach } from './pool.ts'
import { postgresMigrations } from './postgres.ts'
import { refuseUnsafe } from './safety-checks.ts'

/** Does something on a connection of its own, past any pooler. */
export async function onPostgres<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ ...clientSettings(url), query_timeout: 0 })
  // What is lost fails the query that waits for it; an event nobody hears would end the process.
  client.on('error', () => undefined)
  await reach(client, url)
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Brings a database to the newest schema; says what this process did of it. */
export const migrateAt = (url: string): Promise<readonly MigrationState[]> =>
  onPostgres(url, async (client) => {
    await refuseUnsafe(client, 'process')
    const known = readMigrations(postgresMigrations)
    const done = await migratePostgres(client, known)
    return done.map(({ number, name }) => ({ number, name, applied: true, known: true }))
  })

/** Every migration this program or the database knows. Only reads; throws SchemaError for a database that is not ours. */
export const statesAt = (url: string): Promise<readonly MigrationState[]> =>
  onPostgres(url, async (client) => statesFrom(readMigrations(postgresMigrations), await readLedger(client)))

const ideal = 'tony_ideal'

/** Everything a schema is made of, as the database itself tells it: a name and what it is. */
const partsOf = `
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

async function partsIn(client: Client, schema: string): Promise<Map<string, string>> {
  // Nothing on the path: then every name is told with its schema, and one schema's can be taken for the other's.
  await client.query("SET LOCAL search_path = ''")
  const { rows } = await client.query<{ name: string; text: string }>(partsOf, [schema])
  return new Map(rows.map(({ name, text }) => [name, text.replaceAll(`${schema}.`, '')]))
}

async function make(client: Client, migrations: readonly Migration[]): Promise<void> {
  await client.query(`CREATE SCHEMA ${ideal}; SET LOCAL search_path = ${ideal}`)
  for (const statement of migrations.flatMap(({ statements }) => statements))
    await client.query(statement.replaceAll('"public".', `"${ideal}".`))
}

/**
 * How a database's schema differs from the one its migrations make, each difference in words; none for a newer program's. That one
 * is made beside it, in a transaction that is rolled back. Throws SchemaError where its migrations are not those of this program.
 */
export const differencesAt = (url: string): Promise<readonly string[]> =>
  onPostgres(url, async (client) => {
    const known = readMigrations(postgresMigrations)
    const applied = refuseUnknown(await readLedger(client), known)
    if (applied.length > known.length) return []
    await client.query('BEGIN')
    try {
      const is = await partsIn(client, 'public')
      await make(client, known.slice(0, applied.length))
      const should = await partsIn(client, ideal)
      const names = [...new Set([...is.keys(), ...should.keys()])].toSorted()
      return names.flatMap((name) => differenceOf(name, is.get(name), should.get(name)))
    } finally {
      await client.query('ROLLBACK')
    }
  })

function differenceOf(name: string, is: string | undefined, should: string | undefined): string[] {
  if (is === undefined) return [`${name} is missing`]
  if (should === undefined) return [`${name} is of no migration`]
  return is === should ? [] : [`${name} was changed`]
}
