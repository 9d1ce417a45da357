import { existsSync, writeFileSync } from 'node:fs'
import { checkBackup } from '@tony/mcp-server/store/backup/manifest'
import { expect, test } from 'vitest'
import { onPostgres, refusal, TestServer } from '../support/server.ts'

test.skipIf(onPostgres)(
  'a backup is a file beside the database with every write that was acknowledged before',
  async () => {
    await using server = await TestServer.start({ config: { devRole: 'admin' } })
    const admin = server.connect()
    await admin.tasks.create({ type: 'code' })
    const backup = await admin.system.backup({})
    expect(backup.path.startsWith(`${server.database}.backups/`)).toBe(true)
    expect(backup).toMatchObject({ seq: 1, epoch: server.parts.store.epoch })
    expect(checkBackup(backup.path)).toMatchObject({ sha256: backup.sha256, bytes: backup.bytes })
  },
)

test('a backup needs an admin', async () => {
  await using server = await TestServer.start()
  expect(await refusal(server.connect().system.backup({}))).toMatchObject({ code: 'FORBIDDEN' })
  expect(existsSync(`${server.database}.backups`)).toBe(false)
})

test.skipIf(onPostgres)('a backup that cannot be written is refused, and the next one is made', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const { backupDir } = server.parts.config
  const admin = server.connect({ deadlineMs: 1_000 })
  writeFileSync(backupDir, 'a file where the folder is to be')
  expect((await refusal(admin.system.backup({}))).code).toMatch(/STORE_UNAVAILABLE|DEADLINE_EXCEEDED/)
  expect((await admin.tasks.create({ type: 'code' })).status).toBe('pending')
})
