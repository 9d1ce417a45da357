import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { migrateSqlite, readMigrations, SchemaError } from '@tony/mcp-server/store/migrations/migrate'
import { findSchemaDifferences, migrateFile, readMigrationStates } from '@tony/mcp-server/store/migrations/schema-state'
import { describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { ManualClock } from '../support/clock.ts'
import { StoreFolder } from '../support/store.ts'

const shipped = readMigrations(new URL('../../drizzle/sqlite', import.meta.url))

/** Writes a folder of migrations in order, each one file. */
function migrationsOf(folder: StoreFolder, ...texts: readonly string[]) {
  const path = join(folder.path, `migrations ${texts.length}`)
  mkdirSync(path, { recursive: true })
  for (const [index, text] of texts.entries()) writeFileSync(join(path, `000${index}_step.sql`), text)
  const url = pathToFileURL(path)
  return { url: url.href, read: readMigrations(url) }
}

const schemaOf = (folder: StoreFolder) =>
  folder.raw((database) => database.prepare('select name, sql from sqlite_master').all())

const ground =
  'create table parents (id integer primary key);--> statement-breakpoint\ncreate table children (parent integer references parents (id));'

describe('migrations', () => {
  test('are applied once, in order, and recorded', () => {
    using folder = new StoreFolder()
    const { read } = migrationsOf(folder, ground, '-- minReader: 0\nalter table parents add name text;')
    for (const now of [1, 2]) folder.raw((database) => migrateSqlite(database, read, now))
    const rows = folder.raw((database) =>
      database.prepare('select number, name, min_reader, applied_at from schema_migrations').all(),
    )
    expect(rows).toEqual([
      { number: 0, name: 'step', min_reader: 0, applied_at: 1 },
      { number: 1, name: 'step', min_reader: 0, applied_at: 1 },
    ])
  })

  test('continue where an older program stopped', () => {
    using folder = new StoreFolder()
    folder.raw((database) => migrateSqlite(database, migrationsOf(folder, ground).read, 1))
    folder.raw((database) =>
      migrateSqlite(database, migrationsOf(folder, ground, 'create table more (id integer);').read, 2),
    )
    const rows = folder.raw((database) => database.prepare('select number, applied_at from schema_migrations').all())
    expect(rows).toEqual([
      { number: 0, applied_at: 1 },
      { number: 1, applied_at: 2 },
    ])
  })

  test('leave nothing when one of them fails', () => {
    using folder = new StoreFolder()
    const { read } = migrationsOf(
      folder,
      ground,
      'create table more (id integer);--> statement-breakpoint\ncreate tabel;',
    )
    expect(() => folder.raw((database) => migrateSqlite(database, read, 1))).toThrow(/syntax error/)
    expect(schemaOf(folder)).toEqual([])
  })

  test('leave the earlier ones when a later one fails', () => {
    using folder = new StoreFolder()
    folder.raw((database) => migrateSqlite(database, migrationsOf(folder, ground).read, 1))
    const before = schemaOf(folder)
    const { read } = migrationsOf(folder, ground, 'drop table children;--> statement-breakpoint\ncreate tabel;')
    expect(() => folder.raw((database) => migrateSqlite(database, read, 2))).toThrow(/syntax error/)
    expect(schemaOf(folder)).toEqual(before)
  })

  test('leave nothing when the process is killed during one', async () => {
    using folder = new StoreFolder()
    const { url } = migrationsOf(
      folder,
      ground,
      'create table more (id integer);--> statement-breakpoint\nselect die();',
    )
    await using child = new Child('migrate.ts', folder.file, url)
    expect((await child.end()).signal).toBe('SIGKILL')
    expect(schemaOf(folder)).toEqual([])
    folder.raw((database) => migrateSqlite(database, migrationsOf(folder, ground).read, 1))
  })

  test('leave a database at one schema or the next when the process is killed after any of their statements', async () => {
    using folder = new StoreFolder()
    const databases = shipped.flatMap(({ statements }) => statements).length
    for (let first = 0; first < databases; first += 60) {
      await using child = new Child('migrate-halfway.ts', folder.path, String(first), '60')
      expect(await child.end()).toMatchObject({ signal: 'SIGKILL' })
    }
    const files = readdirSync(folder.path).filter((name) => name.endsWith('.db'))
    expect(files).toHaveLength(databases)
    for (const name of files) {
      const file = join(folder.path, name)
      const from = Number(name[0])
      const numbers = () => readMigrationStates(file).flatMap(({ number, applied }) => (applied ? [number] : []))
      expect(numbers(), name).toEqual(shipped.slice(0, from).map(({ number }) => number))
      expect(findSchemaDifferences(file), name).toEqual([])
      migrateFile(file, new ManualClock())
      expect(numbers(), name).toEqual(shipped.map(({ number }) => number))
      expect(findSchemaDifferences(file), name).toEqual([])
    }
  })

  test('that break a reference are refused and undone', () => {
    using folder = new StoreFolder()
    folder.raw((database) => {
      migrateSqlite(database, migrationsOf(folder, ground).read, 1)
      database.exec('insert into parents values (1); insert into children values (1)')
    })
    const { read } = migrationsOf(folder, ground, 'delete from parents;')
    const refused = () => folder.raw((database) => migrateSqlite(database, read, 2))
    expect(refused).toThrow(SchemaError)
    expect(refused).toThrow('broke 1 references')
    expect(folder.raw((database) => database.prepare('select count(*) as rows from parents').get())).toEqual({
      rows: 1,
    })
  })

  test('may rebuild a table that others refer to, without losing their rows', () => {
    using folder = new StoreFolder()
    folder.raw((database) => {
      migrateSqlite(database, migrationsOf(folder, ground.replace('(id))', '(id) on delete cascade)')).read, 1)
      database.exec('insert into parents values (1); insert into children values (1)')
    })
    const rebuild = [
      'create table parents_new (id integer primary key, name text)',
      'insert into parents_new select id, null from parents',
      'drop table parents',
      'alter table parents_new rename to parents',
    ]
    const { read } = migrationsOf(
      folder,
      ground.replace('(id))', '(id) on delete cascade)'),
      rebuild.join(';--> statement-breakpoint\n'),
    )
    folder.raw((database) => migrateSqlite(database, read, 2))
    expect(folder.raw((database) => database.prepare('select count(*) as rows from children').get())).toEqual({
      rows: 1,
    })
  })

  test('run once when four processes start on one new file at the same time', async () => {
    using folder = new StoreFolder()
    const slow =
      'with recursive n (i) as (select 1 union all select i + 1 from n where i < 300000) select max(i) from n;'
    const { url } = migrationsOf(folder, ground, `${slow}--> statement-breakpoint\ncreate table more (id integer);`)
    const ends = await Promise.all(
      Array.from({ length: 4 }, async () => {
        await using child = new Child('migrate.ts', folder.file, url)
        return await child.end()
      }),
    )
    expect(ends.map(({ code, errors }) => [code, errors])).toEqual(ends.map(() => [0, '']))
    expect(folder.raw((database) => database.prepare('select number from schema_migrations').all())).toEqual([
      { number: 0 },
      { number: 1 },
    ])
  })

  test('have the checksum of their text and their declared oldest reader', () => {
    using folder = new StoreFolder()
    const { read } = migrationsOf(folder, 'select 1;', '-- minReader: 0\nselect 1;', 'select 1;')
    expect(read.map(({ number, minReader }) => [number, minReader])).toEqual([
      [0, 0],
      [1, 0],
      [2, 2],
    ])
    expect(read[0]?.checksum).toBe(read[2]?.checksum)
    expect(read[0]?.checksum).not.toBe(read[1]?.checksum)
  })
})

/**
 * Opens a store, changes its table of migrations as an administrator or another program would, and
 * opens it again.
 */
async function reopenAfter(change: string): Promise<void> {
  using folder = new StoreFolder()
  await (await folder.open())[Symbol.asyncDispose]()
  folder.raw((database) => database.exec(change))
  const before = readFileSync(folder.file)
  const opening = await folder.open().catch((error: unknown) => {
    expect(readFileSync(folder.file).equals(before)).toBe(true)
    throw error
  })
  await opening[Symbol.asyncDispose]()
}

describe('a database', () => {
  const next = shipped.length
  test('whose applied migration was changed is refused and not changed', async () => {
    const reopening = reopenAfter(`update schema_migrations set checksum = 'other' where number = 0`)
    await expect(reopening).rejects.toThrow(/migration 0 \(ground\) was changed after it had been applied/)
  })

  test('of a newer program that this one must not read is refused and not touched', async () => {
    const reopening = reopenAfter(`insert into schema_migrations values (${next}, 'later', 'x', ${next}, 1)`)
    await expect(reopening).rejects.toThrow(
      `migration ${next} (later), which needs a newer program: this one knows up to ${next - 1}`,
    )
  })

  test('of a newer program with an earlier minReader is opened', async () => {
    await reopenAfter(`insert into schema_migrations values (${next}, 'later', 'x', ${next - 1}, 1)`)
  })

  test('of a newer program is refused if any of its migrations excludes this one', async () => {
    const later = `(${next}, 'later', 'x', ${next}, 1), (${next + 1}, 'latest', 'x', 0, 1)`
    await expect(reopenAfter(`insert into schema_migrations values ${later}`)).rejects.toThrow(SchemaError)
  })

  test('that was migrated is opened again without a change', async () => {
    await reopenAfter('select 1')
  })
})

describe('the schema of a database', () => {
  test('is the result of its migrations', async () => {
    using folder = new StoreFolder()
    expect(migrateFile(folder.file, new ManualClock()).map(({ number }) => number)).toEqual(
      shipped.map(({ number }) => number),
    )
    expect(migrateFile(folder.file, new ManualClock())).toEqual([])
    expect(findSchemaDifferences(folder.file)).toEqual([])
  })

  test('with manual changes is reported part by part', () => {
    using folder = new StoreFolder()
    migrateFile(folder.file, new ManualClock())
    folder.raw((database) =>
      database.exec(`drop index tasks_epic; create table extra (id integer);
        drop index tasks_story; create index tasks_story on tasks (story)`),
    )
    expect(findSchemaDifferences(folder.file)).toEqual([
      'index tasks_epic is missing',
      'index tasks_story was changed',
      'table extra is in no migration',
    ])
  })
})
