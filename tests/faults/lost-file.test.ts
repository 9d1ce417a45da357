import { copyFileSync, existsSync, linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@tony/mcp-client'
import { StoreRefusedError } from '@tony/mcp-server/store/store-refused-error'
import { describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { StoreFolder } from '../support/store.ts'

const settingsOf = (folder: StoreFolder) =>
  JSON.stringify({ DATABASE_PATH: folder.file, MCP_PORT: '0', LOG_DIR: folder.path, NODE_ENV: 'test' })

/** Creates tasks until the server has ended. Returns the ids of the acknowledged tasks. */
async function createUntilGone(url: string, onCreated: (count: number) => void): Promise<string[]> {
  const client = createClient({ url, deadlineMs: 2_000 })
  const acknowledged: string[] = []
  try {
    for (;;) {
      const { id } = await client.tasks.create({ type: 'code' })
      acknowledged.push(id)
      onCreated(acknowledged.length)
    }
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/DEADLINE_EXCEEDED|STORE_UNAVAILABLE|CONNECTION/) })
    return acknowledged
  } finally {
    client.close()
  }
}

const aside = (path: string): string => `${path}.aside`

const losses: readonly (readonly [what: string, suffix: string, lose: (path: string) => void])[] = [
  ['a database that is moved away', '', (path) => renameSync(path, aside(path))],
  [
    'a database that is replaced by a copy',
    '',
    (path) => {
      copyFileSync(path, `${path}.copy`)
      renameSync(path, aside(path))
      renameSync(`${path}.copy`, path)
    },
  ],
  ['a write-ahead log that is moved away', '-wal', (path) => renameSync(path, aside(path))],
  ['a lock that is moved away', '.lock', (path) => renameSync(path, aside(path))],
]

describe('a server loses', () => {
  test.each(losses)(
    '%s: it ends with a message, and every acknowledged write is in the moved file',
    async (_, suffix, lose) => {
      using folder = new StoreFolder()
      await using child = new Child('replica.ts', settingsOf(folder))
      const url = await child.says('Tony MCP Server ready ✔')
      const path = `${folder.file}${suffix}`
      const acknowledged = await createUntilGone(url, (count) => {
        if (count === 20) lose(path)
      })
      const { code, errors } = await child.end()
      expect(code).toBe(1)
      expect(errors).toContain(`DatabaseFileLostError: ${path} is not the file that this server has open`)
      expect(readFileSync(join(folder.path, 'mcp-server.log'), 'utf8')).toMatch(/"level":60.*is not the file that/)
      rmSync(path, { force: true })
      renameSync(aside(path), path)
      const ids = folder.raw((database) => database.prepare('select id from tasks').pluck().all())
      expect(acknowledged.length).toBeGreaterThanOrEqual(20)
      expect(ids).toEqual(expect.arrayContaining(acknowledged))
    },
  )
})

test('a server that is stopped after the loss of its database ends with an error and keeps the log', async () => {
  using folder = new StoreFolder()
  await using child = new Child('replica.ts', settingsOf(folder))
  const client = createClient({ url: await child.says('Tony MCP Server ready ✔') })
  const { id } = await client.tasks.create({ type: 'code' })
  client.close()
  renameSync(folder.file, aside(folder.file))
  child.terminate()
  const { code, errors } = await child.end()
  expect(code).toBe(1)
  expect(errors).toContain(`DatabaseFileLostError: ${folder.file} is not the file that this server has open`)
  renameSync(aside(folder.file), folder.file)
  const ids = folder.raw((database) => database.prepare('select id from tasks').pluck().all())
  expect(ids).toEqual([id])
})

test('a database file with a second name is refused at the start under either name, with a message', async () => {
  using folder = new StoreFolder()
  const first = await folder.open()
  await first[Symbol.asyncDispose]()
  const other = join(folder.path, 'other.db')
  linkSync(folder.file, other)
  for (const file of [folder.file, other]) {
    const refused = folder.open({ file })
    await expect(refused).rejects.toThrow(StoreRefusedError)
    await expect(refused).rejects.toThrow(`${file} has 2 names (hard links)`)
  }
  expect(existsSync(`${other}-wal`)).toBe(false)
  rmSync(other)
  await using again = await folder.open()
  expect(again.durability).toBe('disk')
})
