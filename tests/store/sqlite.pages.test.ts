import { join } from 'node:path'
import { writeBackup } from '@tony/mcp-server/store/backup/backup'
import { BackupError, checkBackup } from '@tony/mcp-server/store/backup/manifest'
import { examineSqlite } from '@tony/mcp-server/store/sqlite/examine'
import { describe, expect, test } from 'vitest'
import { projectOf, StoreFolder } from '../support/store.ts'
import { note, upTo } from './given.ts'

const at = Date.UTC(2026, 0, 1)

/** Writes a log of three pages: the events 1 and 2, 3 and 4, 5 and 6. */
async function written(folder: StoreFolder): Promise<void> {
  await using store = await folder.open()
  const project = await projectOf(store)
  for (const _ of upTo(3))
    await store.transact({ project }, async (tx) => {
      for (const subject of ['a', 'b']) tx.append(note(subject))
    })
}

const stateOf = ({ file, path }: StoreFolder) =>
  examineSqlite({ file, backupDir: path, at }).find(({ check }) => check === 'events')

const backUp = ({ file, path }: StoreFolder) => writeBackup({ file, folder: join(path, 'backups'), at })

describe('a log', () => {
  test('is whole as it is written, and after retention', async () => {
    using folder = new StoreFolder()
    await written(folder)
    expect(stateOf(folder)).toMatchObject({ state: 'ok' })
    folder.raw((database) => database.exec('delete from event_pages where last < 4'))
    expect(stateOf(folder)).toMatchObject({ state: 'ok' })
    expect(checkBackup(backUp(folder).path).feeds).toMatchObject([{ seq: 6 }])
  })

  test.each([
    [
      'without a line',
      `update event_pages set lines = substr(lines, 1, instr(lines, char(10)) - 1) where last = 4`,
      '3 to 4',
    ],
    ['with a page that begins too late', 'update event_pages set first = 4 where last = 4', '4 to 4'],
    ['without a page between others', 'delete from event_pages where last = 4', '5 to 6'],
    ['without its last page', 'delete from event_pages where last = 6', '3 to 4'],
  ])('%s is named by doctor and makes no backup', async (_, change, events) => {
    using folder = new StoreFolder()
    await written(folder)
    folder.raw((database) => {
      database.exec('drop trigger event_pages_are_only_added')
      database.exec(change)
    })
    const message = new RegExp(`the log of project \\S+ is not whole at the events ${events}`)
    expect(stateOf(folder)).toMatchObject({ state: 'failed', message: expect.stringMatching(message) })
    expect(() => backUp(folder)).toThrow(BackupError)
    expect(() => backUp(folder)).toThrow(message)
  })
})
