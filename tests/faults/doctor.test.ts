import { copyFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { examinePostgres } from '@tony/mcp-server/store/postgres/examine'
import { describe, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { ReplicaProcesses } from '../support/replica-processes.ts'
import { TestServer } from '../support/server.ts'

interface Finding {
  readonly check: string
  readonly state: string
  readonly message: string
}

test('the doctor finds a database without its pepper, and files that only their owner reads', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const { folder, database } = server
  await server.connect().system.backup()
  const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)
  const backups = readdirSync(`${database}.backups`).filter((name) => name.endsWith('.db'))
  for (const file of [database, `${database}-wal`, `${database}.backups/${backups[0]}`])
    expect([basename(file), mode(file)]).toEqual([basename(file), '600'])
  const { tony, remove } = command()
  const examine = async (file: string) => {
    const { code, stdout } = await tony('doctor', '--json', '--db-path', file)
    const { findings }: { readonly findings: readonly Finding[] } = JSON.parse(stdout)
    return { code, pepper: findings.find(({ check }) => check === 'pepper') }
  }
  expect(await examine(database)).toMatchObject({ code: 0, pepper: { state: 'ok' } })
  const copy = join(folder, 'drill.db')
  copyFileSync(`${database}.backups/${backups[0]}`, copy)
  expect(await examine(copy)).toMatchObject({ code: 1, pepper: { state: 'failed' } })
  writeFileSync(`${copy}.pepper`, 'another pepper, with enough characters')
  expect((await examine(copy)).pepper?.message).toContain('is not the one of this database')
  remove()
})

describe.skipIf(postgresServer === undefined)('the doctor of a PostgreSQL', () => {
  const examine = async (url: string) => {
    const { tony, remove } = command({ DATABASE_URL: url })
    const { code, stdout } = await tony('doctor', '--json')
    remove()
    const { findings }: { readonly findings: readonly Finding[] } = JSON.parse(stdout)
    return { code, findings, alive: findings.filter(({ check }) => check === 'replica').length }
  }

  test('lists the live replicas, and a killed one no longer', async () => {
    await using replicas = await ReplicaProcesses.start(3)
    const { code, findings, alive } = await examine(replicas.database.url)
    expect(code).toBe(0)
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(alive).toBe(3)
    await replicas.children[1]?.kill()
    let left = alive
    while (left === 3) left = (await examine(replicas.database.url)).alive
    expect(left).toBe(2)
  })

  test('names a session that is idle in a transaction, with its process and its program', async () => {
    await using database = await Database.create()
    const sessions = async (idleTransactionMs?: number) => {
      const findings = await examinePostgres(database.url, idleTransactionMs === undefined ? {} : { idleTransactionMs })
      return findings.filter(({ check }) => check === 'sessions')
    }
    const none = [{ check: 'sessions', state: 'ok' }]
    expect(await sessions(0)).toMatchObject(none)
    await database.raw(async (client) => {
      await client.query("set application_name = 'a forgotten console'")
      await client.query('begin')
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      const [left, ...others] = await sessions(0)
      expect(others).toEqual([])
      expect(left).toMatchObject({ state: 'warning' })
      expect(left?.message).toContain(`process ${rows[0]?.pid} (a forgotten console, role `)
      expect(left?.message).toContain('idle_in_transaction_session_timeout')
      // The transaction is younger than a minute.
      expect(await sessions()).toMatchObject(none)
      await client.query('commit')
      expect(await sessions(0)).toMatchObject(none)
    })
  })

  test('names the faults of a database that no server has used', async () => {
    await using database = await Database.create({ empty: true })
    expect(await examine(database.url)).toMatchObject({
      code: 1,
      findings: [
        { check: 'database', state: 'ok' },
        { check: 'schema', state: 'failed' },
      ],
    })
    expect(await examine(`${database.url}_gone`)).toMatchObject({ code: 1, findings: [{ state: 'failed' }] })
  })
})
