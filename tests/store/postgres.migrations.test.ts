import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Migration, readMigrations, SchemaError } from '@tony/mcp-server/store/migrations/migrate'
import { migratePostgres } from '@tony/mcp-server/store/postgres/migrate'
import { postgresMigrationsFolder } from '@tony/mcp-server/store/postgres/postgres'
import { findSchemaDifferencesAt, readMigrationStatesAt } from '@tony/mcp-server/store/postgres/schema-state'
import { afterAll, describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-migrations-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let folders = 0

/** Returns migrations in order from their texts. */
function migrationsOf(...texts: readonly string[]): readonly Migration[] {
  folders += 1
  const path = join(folder, String(folders))
  mkdirSync(path)
  for (const [index, text] of texts.entries()) writeFileSync(join(path, `000${index}_step.sql`), text)
  return readMigrations(pathToFileURL(path))
}

const migrate = (database: Database, migrations: readonly Migration[]) =>
  database.raw((client) => migratePostgres(client, migrations))

const tablesOf = async (database: Database): Promise<string[]> => {
  const rows = await database.rows<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  )
  return rows.map(({ name }) => name)
}

const ledgerOf = (database: Database) =>
  database.rows('select number, name, min_reader from schema_migrations order by number')

/**
 * Migrates on a connection that is cut after one statement of a migration, as a kill of the process
 * does.
 */
async function killedAfter(database: Database, number: number, statement: number): Promise<void> {
  const cut = 'select pg_terminate_backend(pg_backend_pid())'
  const shipped = readMigrations(postgresMigrationsFolder).map((migration) =>
    migration.number === number
      ? { ...migration, statements: migration.statements.toSpliced(statement + 1, 0, cut) }
      : migration,
  )
  await expect(migrate(database, shipped)).rejects.toThrow()
}

const ground = 'create table parents (id bigint primary key);'
const more = 'create table more (id bigint);'

describe.skipIf(postgresServer === undefined)('migrations on PostgreSQL', () => {
  test('are applied once, in order, and recorded', async () => {
    await using database = await Database.create({ empty: true })
    const migrations = migrationsOf(ground, `-- minReader: 0\n${more}`)
    for (const _ of [1, 2]) await migrate(database, migrations)
    expect(await ledgerOf(database)).toEqual([
      { number: 0, name: 'step', min_reader: 0 },
      { number: 1, name: 'step', min_reader: 0 },
    ])
  })

  test('leave nothing of a failed one, and everything of the ones before it', async () => {
    await using database = await Database.create({ empty: true })
    const migrations = migrationsOf(ground, `${more}--> statement-breakpoint\ncreate tabel;`)
    await expect(migrate(database, migrations)).rejects.toThrow(/syntax error/)
    expect(await tablesOf(database)).toEqual(['parents', 'schema_migrations'])
    expect(await ledgerOf(database)).toHaveLength(1)
  })

  test('leave nothing of one whose process is killed after any of its statements', async () => {
    await using database = await Database.create({ empty: true })
    const die = 'select pg_terminate_backend(pg_backend_pid());'
    await migrate(database, migrationsOf(ground))
    for (const texts of [
      [die, more],
      [more, die],
      [more, 'alter table parents add name text;', die],
    ]) {
      const dying = migrate(database, migrationsOf(ground, texts.join('--> statement-breakpoint\n')))
      await expect(dying).rejects.toThrow()
      expect(await tablesOf(database)).toEqual(['parents', 'schema_migrations'])
      expect(await ledgerOf(database)).toHaveLength(1)
    }
    await migrate(database, migrationsOf(ground, more))
    expect(await tablesOf(database)).toEqual(['more', 'parents', 'schema_migrations'])
  })

  test('leave a database at one schema or the next when the process is killed after any of their statements', {
    timeout: 300_000,
  }, async () => {
    const shipped = readMigrations(postgresMigrationsFolder)
    const steps = shipped.flatMap(({ number, statements }) => statements.map((_, statement) => ({ number, statement })))
    expect(steps.length).toBeGreaterThan(100)
    await using database = await Database.create({ empty: true })
    const numbers = async () =>
      (await readMigrationStatesAt(database.url)).flatMap(({ number, applied }) => (applied ? [number] : []))
    // All kills share one database: each one starts on the state that the previous one left.
    const { number: last } = shipped.at(-1) ?? { number: 0 }
    const done: number[] = []
    for (const { number, statement } of steps) {
      if (number > (done.at(-1) ?? -1) + 1) {
        await migrate(database, shipped.slice(0, number))
        done.push(number - 1)
      }
      await killedAfter(database, number, statement)
      expect(await numbers(), `${number} ${statement}`).toEqual(done)
      expect(await findSchemaDifferencesAt(database.url)).toEqual([])
    }
    await migrate(database, shipped)
    expect((await numbers()).at(-1)).toBe(last)
    expect(await findSchemaDifferencesAt(database.url)).toEqual([])
  })

  test.each([2, 3, 4])('run once when %d processes start on one empty database at the same time', async (starters) => {
    await using database = await Database.create({ empty: true })
    const migrations = migrationsOf(ground, `select pg_sleep(0.1);--> statement-breakpoint\n${more}`)
    await Promise.all(Array.from({ length: starters }, () => migrate(database, migrations)))
    expect(await ledgerOf(database)).toHaveLength(2)
  })

  test('of the product bring four starting stores to one schema, one epoch and one project', async () => {
    await using database = await Database.create({ empty: true })
    const stores = await Promise.all([1, 2, 3, 4].map(() => database.open()))
    expect(new Set(stores.map(({ epoch }) => epoch)).size).toBe(1)
    expect(new Set(stores.map(({ secret }) => Buffer.from(secret).toString('hex'))).size).toBe(1)
    expect(await database.rows('select name from projects')).toEqual([{ name: 'default' }])
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()))
  })
})

const next = readMigrations(postgresMigrationsFolder).length

/** Opens a migrated database after a change by an administrator or another program. */
async function openAfter(change: string): Promise<void> {
  await using database = await Database.create()
  await database.raw((client) => client.query(change))
  await using _ = await database.open()
}

describe.skipIf(postgresServer === undefined)('a PostgreSQL database', () => {
  test('whose applied migration was changed is refused', async () => {
    const opening = openAfter(`update schema_migrations set checksum = 'other' where number = 0`)
    await expect(opening).rejects.toThrow(/migration 0 \(ground\) was changed after it had been applied/)
  })

  test('of a newer program with a later minReader is refused', async () => {
    const opening = openAfter(`insert into schema_migrations values (${next}, 'later', 'x', ${next}, 1)`)
    await expect(opening).rejects.toThrow(
      `migration ${next} (later), which needs a newer program: this one knows up to ${next - 1}`,
    )
  })

  test('of a newer program with an earlier minReader is opened', async () => {
    await openAfter(`insert into schema_migrations values (${next}, 'later', 'x', ${next - 1}, 1)`)
  })

  test('of another program is refused because of its tables, and not changed', async () => {
    await using database = await Database.create({ empty: true })
    await database.raw((client) => client.query('create table agents (id serial primary key, mood text)'))
    const opening = database.open()
    await expect(opening).rejects.toThrow(SchemaError)
    await expect(opening).rejects.toThrow(/another program \(tables agents\)/)
    expect(await tablesOf(database)).toEqual(['agents'])
  })
})
