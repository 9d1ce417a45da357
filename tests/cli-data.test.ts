import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import Database from 'better-sqlite3'
import { afterAll, describe, expect, test } from 'vitest'
import { upTo } from './store/given.ts'
import { command, program } from './support/command.ts'
import { Database as Postgres, postgresServer } from './support/postgres.ts'
import { TestServer } from './support/server.ts'

const shipped = readMigrations(new URL('../drizzle/postgres', import.meta.url))

const { folder, tony, tonyWith, remove } = command()
afterAll(remove)

function change(file: string, sql: string): void {
  const database = new Database(file)
  database.exec(sql)
  database.close()
}

/** Overwrites a page after the first one. */
function spoil(file: string): void {
  const bytes = readFileSync(file)
  bytes.fill(7, 4_096 * 30, 4_096 * 31)
  writeFileSync(file, bytes)
}

describe('the command line', () => {
  test('backs up a database in use, checks the backup, and restores it once the server has stopped', async () => {
    await using server = await TestServer.start()
    await server.connect().tasks.create({ type: 'code', title: 'kept' })
    const made = await tony('backup', '--db-path', server.database, '--json')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const { path } = JSON.parse(made.stdout)
    expect((await tony('verify', path)).stdout).toContain('is a valid backup')
    await server.connect().tasks.create({ type: 'code', title: 'lost' })
    const early = await tony('restore', path, '--db-path', server.database)
    expect(early).toMatchObject({ code: 75, stdout: '' })
    expect(early.stderr).toContain('another process owns')
    await server.stop()
    const restored = await tony('restore', path, '--db-path', server.database)
    expect(restored.code).toBe(0)
    expect(restored.stdout).toContain('CURSOR_AHEAD')
    await using again = await TestServer.start({ folder: server.folder })
    const { tasks } = await again.connect().tasks.list({})
    expect(tasks.map(({ title }) => title)).toEqual(['kept'])
  })

  test('brings a database to the newest schema, lists its migrations and compares it with them', async () => {
    const file = join(folder, 'new.db')
    expect(await tony('migrate', 'status', '--db-path', file)).toMatchObject({ code: 1 })
    expect((await tony('migrate', 'up', '--db-path', file)).stdout).toMatch(
      /^applied 0000_ground\n(.+\n)+.*is up to date\n$/,
    )
    expect((await tony('migrate', 'up', '--db-path', file)).stdout).toBe(`${file} is up to date\n`)
    expect((await tony('migrate', 'status', '--db-path', file)).stdout).toContain('0000_ground: applied')
    expect(await tony('migrate', 'validate', '--db-path', file)).toMatchObject({ code: 0 })
    change(file, 'drop index tasks_epic')
    const { code, stdout } = await tony('migrate', 'validate', '--db-path', file)
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'index tasks_epic is missing\n' })
  })

  test.each(['up', 'status', 'validate'])('refuses to migrate %s of another program', async (what) => {
    const file = join(folder, `${what}.db`)
    change(file, 'create table agents (id text primary key, completed_at datetime)')
    const before = readFileSync(file)
    const { code, stderr } = await tony('migrate', what, '--db-path', file)
    expect(code).toBe(1)
    expect(stderr).toMatch(/another program \(tables agents\); it was not touched/)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test.skipIf(postgresServer === undefined)(
    'migrates a PostgreSQL, and reports the pending and the applied migrations',
    async () => {
      await using database = await Postgres.create({ empty: true })
      const on = tonyWith({ DATABASE_URL: database.url })
      const applied = shipped.map(({ number, name }) => ({ number, name, applied: true, known: true }))
      const before = await on('migrate', 'status', '--json')
      expect(before.code).toBe(1)
      expect(JSON.parse(before.stdout).migrations).toEqual(applied.map((state) => ({ ...state, applied: false })))
      const ups = await Promise.all(upTo(3).map(() => on('migrate', 'up', '--json')))
      expect(ups.map(({ code }) => code)).toEqual([0, 0, 0])
      expect(ups.flatMap(({ stdout }) => JSON.parse(stdout).applied).toSorted((a, b) => a.number - b.number)).toEqual(
        applied,
      )
      expect(await on('migrate', 'status')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('0000_ground: applied'),
      })
      expect(await on('migrate', 'validate')).toMatchObject({ code: 0, stderr: '' })
      await database.raw((client) =>
        client.query(
          'drop index tasks_epic; alter table tasks disable trigger tasks_counted_in; create table more (id text)',
        ),
      )
      const { code, stdout } = await on('migrate', 'validate', '--json')
      expect(code).toBe(1)
      expect(JSON.parse(stdout).differences).toEqual([
        'column more.id is in no migration',
        'index tasks_epic is missing',
        'trigger tasks_counted_in was changed',
      ])
    },
  )

  test.skipIf(postgresServer === undefined).each(['up', 'status', 'validate'])(
    'refuses to migrate %s of another program on PostgreSQL, and does not change it',
    async (what) => {
      await using database = await Postgres.create({ empty: true })
      await database.raw((client) => client.query('create table agents (id text primary key, completed_at timestamp)'))
      const { code, stderr } = await tonyWith({ DATABASE_URL: database.url })('migrate', what)
      expect(code).toBe(1)
      expect(stderr).toMatch(/another program \(tables agents\); it was not touched/)
      const tables = await database.rows(
        `select table_name from information_schema.tables where table_schema = 'public'`,
      )
      expect(tables).toEqual([{ table_name: 'agents' }])
    },
  )

  test('migrates a new database once when three processes do so at the same time', async () => {
    const file = join(folder, 'contended.db')
    const ends = await Promise.all(upTo(3).map(() => tony('migrate', 'up', '--db-path', file, '--json')))
    const done = ends.filter(({ code }) => code === 0).map(({ stdout }) => JSON.parse(stdout).applied.length)
    expect(done.toSorted().at(-1)).toBeGreaterThan(0)
    expect(done.filter((applied) => applied > 0)).toHaveLength(1)
    for (const { code } of ends) expect([0, 75]).toContain(code)
  })

  test.each([
    ['backup', 'pg_dump --format=custom'],
    ['restore x.db', 'pg_restore into an empty database'],
  ])('refuses %s of a PostgreSQL and names the next step', async (what, instead) => {
    const env = { DATABASE_URL: 'postgres://tony@127.0.0.1:1/tony' }
    const { code, stdout, stderr } = await tonyWith(env)(...what.split(' '))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`${what.split(' ')[0]} is for a SQLite file, and DATABASE_URL names a PostgreSQL`)
    expect(stderr).toContain(instead)
  })

  test('reports the faults of a backup with exit code 1', async () => {
    await using server = await TestServer.start()
    const { stdout } = await tony('backup', '--db-path', server.database, '--to', 'cut', '--json')
    const { path } = JSON.parse(stdout)
    truncateSync(join(folder, path), 9_000)
    const { code, stderr } = await tony('verify', path)
    expect(code).toBe(1)
    expect(stderr).toContain('it is not whole')
  })

  test('examines a database in use, and a damaged one', async () => {
    await using server = await TestServer.start()
    const states = async (file: string) => {
      const { code, stdout } = await tony('doctor', '--db-path', file, '--json')
      const findings: { check: string; state: string }[] = JSON.parse(stdout).findings
      return { code, ...Object.fromEntries(findings.map(({ check, state }) => [check, state])) }
    }
    await tony('backup', '--db-path', server.database)
    const well = {
      versions: 'ok',
      file: 'ok',
      owner: 'ok',
      schema: 'ok',
      integrity: 'ok',
      events: 'ok',
      log: 'ok',
      disk: 'ok',
      pepper: 'ok',
    }
    expect(await states(server.database)).toEqual({ code: 0, ...well, backups: 'ok', clock: 'ok' })
    expect((await tony('doctor', '--db-path', server.database)).stdout).toContain('owner: a server has it open')
    await server.stop()
    change(server.database, `update store_facts set value = '9999999999999' where name = 'last_commit'`)
    change(server.database, 'drop index tasks_epic')
    rmSync(`${server.database}.backups`, { recursive: true })
    const ill = await states(server.database)
    expect(ill).toEqual({ code: 1, ...well, schema: 'failed', backups: 'warning', clock: 'warning' })
    expect(await states('nowhere.db')).toEqual({ code: 1, versions: 'ok', file: 'failed' })
    spoil(server.database)
    expect(await states(server.database)).toMatchObject({ code: 1, integrity: 'failed' })
  })

  test('examines a database of another program and reports that', async () => {
    const file = join(folder, 'foreign.db')
    change(file, 'create table invoices (id integer primary key)')
    const { code, stdout } = await tony('doctor', '--db-path', file)
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAILED {2}schema: .*another program/)
  })

  test('continues with backups until it is stopped, and keeps the given number', async () => {
    await using server = await TestServer.start()
    const argv = ['backup', '--db-path', server.database, '--to', 'many', '--every', '1s', '--keep', '1', '--json']
    const child = spawn(process.execPath, [program, ...argv], { cwd: folder })
    const removed: string[] = []
    for await (const line of child.stdout) {
      removed.push(...JSON.parse(String(line)).removed)
      if (removed.length === 1) break
    }
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(0)
    expect(readdirSync(join(folder, 'many')).filter((name) => name.endsWith('.db'))).toHaveLength(1)
  })

  test.each(['0', '1', 'soon', '-1h'])('refuses --every %s', async (time) => {
    const { code, stderr } = await tony('backup', '--every', time)
    expect(code).toBe(2)
    expect(stderr).toContain('such as 15m, 1h or 1d')
  })
})
