import { migrateSqlite, readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { postgresMigrationsFolder } from '@tony/mcp-server/store/postgres/postgres'
import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'

const readSqliteMigrations = new URL('../../drizzle/sqlite', import.meta.url)

/**
 * One line for each column: its table, name and type, and if it may be null. A number that stands
 * for an id counts as the id, and only SQLite has the table of these numbers.
 */
const sqliteColumns = `
  select m.name || '.' || c.name || ' ' ||
    case when c.name in (select f."from" from pragma_foreign_key_list(m.name) f where f."table" = 'identifiers') then 'text' else lower(c.type) end ||
    case when c."notnull" or c.pk > 0 then ' not null' else '' end as line
  from sqlite_master m join pragma_table_info(m.name) c
  where m.type = 'table' and m.name not like 'sqlite_%' and m.name <> 'identifiers'`

const kinds: Readonly<Record<string, string>> = { bigint: 'integer', 'double precision': 'real' }

const postgresColumns = `
  select table_name || '.' || column_name as name, data_type as kind, is_nullable = 'NO' as required
  from information_schema.columns join information_schema.tables using (table_schema, table_name)
  where table_schema = 'public' and table_type = 'BASE TABLE'`

/**
 * One line for each index: its table, name, columns in order, if it is unique, and its condition.
 */
const sqliteIndexes = `
  select i.tbl_name || ' ' || i.name || ' (' || (
      select group_concat(x.name, ', ') from (select name from pragma_index_info(i.name) order by seqno) x
    ) || ')' as line, l."unique" as is_unique, coalesce(substr(i.sql, instr(i.sql, ' WHERE ') + 7), '') as condition, instr(i.sql, ' WHERE ') as partial
  from sqlite_master i join pragma_index_list(i.tbl_name) l on l.name = i.name
  where i.type = 'index' and i.sql is not null and i.name not like '%_unique'`

const postgresIndexes = `
  select t.relname || ' ' || c.relname || ' (' || (
      select string_agg(a.attname, ', ' order by k.n)
      from unnest(i.indkey::int2[]) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum
    ) || ')' as line, i.indisunique as is_unique, coalesce(pg_get_expr(i.indpred, i.indrelid), '') as condition
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  where n.nspname = 'public' and not i.indisprimary and not exists (select 1 from pg_constraint where conindid = c.oid)`

/** The engines print a condition differently, so its words are compared. */
const words = (condition: string): string =>
  condition.toLowerCase().replaceAll(/::\w+/g, '').replaceAll(/[()"]/g, '').replaceAll(/\s+/g, ' ').trim()

function sqlite<T>(query: string): T[] {
  const database = new Sqlite(':memory:')
  try {
    migrateSqlite(database, readMigrations(readSqliteMigrations), 0)
    return database.prepare<[], T>(query).all()
  } finally {
    database.close()
  }
}

interface Index {
  readonly line: string
  readonly is_unique: boolean | number
  readonly condition: string
  readonly partial?: number
}

const describeIndex = ({ line, is_unique, condition, partial = 1 }: Index): string =>
  `${is_unique ? 'unique ' : ''}${line}${partial > 0 && condition !== '' ? ` where ${words(condition)}` : ''}`

/** Returns the checks of the last form of each table that migrations create. */
function checksIn(texts: readonly string[]): string[] {
  const checks = new Map<string, string>()
  for (const text of texts) {
    for (const [, name = '', rule = ''] of text.matchAll(/CONSTRAINT "(\w+)" CHECK ?\((.*)\),?$/gm))
      checks.set(name, words(rule))
  }
  return [...checks].map(([name, rule]) => `${name} ${rule}`)
}

const textsOf = (folder: URL): string[] => readMigrations(folder).flatMap(({ statements }) => statements)

describe('the two engines', () => {
  test('have migrations with the same numbers and names and the same oldest readers', () => {
    const [first, second] = [readSqliteMigrations, postgresMigrationsFolder].map((folder) =>
      readMigrations(folder).map(({ number, name, minReader }) => ({ number, name, minReader })),
    )
    expect(first?.length).toBeGreaterThan(0)
    expect(second).toEqual(first)
  })

  test('have the same checks', () => {
    const first = checksIn(textsOf(readSqliteMigrations)).map((check) => check.replaceAll('`', ''))
    expect(first.length).toBeGreaterThan(8)
    expect(checksIn(textsOf(postgresMigrationsFolder)).toSorted()).toEqual(first.toSorted())
  })

  describe.skipIf(postgresServer === undefined)('with a PostgreSQL', () => {
    test('have the same tables and columns', async () => {
      await using database = await Database.create()
      const rows = await database.rows<{ name: string; kind: string; required: boolean }>(postgresColumns)
      const lines = rows.map(
        ({ name, kind, required }) => `${name} ${kinds[kind] ?? kind}${required ? ' not null' : ''}`,
      )
      const expected = sqlite<{ line: string }>(sqliteColumns).map(({ line }) => line)
      expect(expected.length).toBeGreaterThan(150)
      expect(lines.toSorted()).toEqual(expected.toSorted())
    })

    test('have the same indexes', async () => {
      await using database = await Database.create()
      const rows = await database.rows<Index>(postgresIndexes)
      const expected = sqlite<Index>(sqliteIndexes).map(describeIndex)
      expect(expected.length).toBeGreaterThan(30)
      expect(rows.map(describeIndex).toSorted()).toEqual(expected.toSorted())
    })

    test('compare text by its bytes, for any locale of the database', async () => {
      await using database = await Database.create()
      const rows = await database.rows<{ name: string }>(
        `select table_name || '.' || column_name as name
         from information_schema.columns join information_schema.tables using (table_schema, table_name)
         where table_schema = 'public' and table_type = 'BASE TABLE' and data_type = 'text' and table_name <> 'schema_migrations' and collation_name is distinct from 'C'`,
      )
      expect(rows).toEqual([])
    })
  })
})
