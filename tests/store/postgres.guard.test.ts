import { openPostgres } from '@tony/mcp-server/store/postgres/postgres'
import { unsafeSettingOf } from '@tony/mcp-server/store/postgres/safety-checks'
import { StoreRefusedError } from '@tony/mcp-server/store/store-refused-error'
import { describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'

const safe = { version: 150_004, encoding: 'UTF8', standby: false, fsync: 'on', pages: 'on', commit: 'on' }

describe('a PostgreSQL server', () => {
  test('with safe settings is accepted', () => {
    expect(unsafeSettingOf(safe, 'disk')).toBeUndefined()
    expect(unsafeSettingOf({ ...safe, commit: 'remote_apply' }, 'disk')).toBeUndefined()
  })

  test.each([
    [{ version: 140_011 }, 'PostgreSQL 15 or newer'],
    [{ encoding: 'SQL_ASCII' }, 'UTF8'],
    [{ standby: true }, 'standby'],
    [{ fsync: 'off' }, 'fsync'],
    [{ pages: 'off' }, 'full_page_writes'],
    [{ commit: 'off' }, 'synchronous_commit'],
  ])('with %o is refused, with the name of the setting', (setting, named) => {
    expect(unsafeSettingOf({ ...safe, ...setting }, 'disk')).toContain(named)
  })

  test('with asynchronous commits is accepted if the operator has chosen that', () => {
    expect(unsafeSettingOf({ ...safe, commit: 'off' }, 'process')).toBeUndefined()
  })

  test('that is absent gives a clear line without the password', async () => {
    const opening = openPostgres({ url: 'postgres://tony:secret@127.0.0.1:1/store' })
    await expect(opening).rejects.toThrow(StoreRefusedError)
    await expect(opening).rejects.toThrow(/127\.0\.0\.1:1\/store cannot be reached: .*ECONNREFUSED/)
    await expect(opening).rejects.not.toThrow(/secret/)
  })
})

describe.skipIf(postgresServer === undefined)('a PostgreSQL database', () => {
  test('that acknowledges before the write is on disk is refused', async () => {
    await using database = await Database.create()
    await database.raw((client) => client.query(`alter database ${database.name} set synchronous_commit = off`))
    await expect(database.open()).rejects.toThrow(/set synchronous_commit = on/)
    await using _ = await database.open({ durability: 'process' })
  })
})
