import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'
import { TestServer } from '../support/server.ts'
import { StoreFolder } from '../support/store.ts'
import { ask, bootstrapFile, bootstrapToken, hasBootstrapFile } from './given.ts'

const admin = { name: 'admin', roleCeiling: 'admin', scopes: ['*'] } as const

/** Folders for replicas that have a pepper in common, as an operator gives it to them. */
function replicasOf(database: Database, stack: DisposableStack) {
  const shared = stack.use(new StoreFolder())
  const pepperFile = join(shared.path, 'pepper')
  writeFileSync(pepperFile, randomBytes(32).toString('base64url'))
  return () => {
    const { path: folder } = stack.use(new StoreFolder())
    return TestServer.start({
      mode: 'serve',
      clock: systemClock,
      postgres: { url: database.url },
      folder,
      config: { pepperFile },
    })
  }
}

describe.skipIf(postgresServer === undefined)('of replicas on one new database', () => {
  test.each([1, 2, 3])('that start at the same time, each has the one valid token in its file: round %i', async () => {
    await using database = await Database.create({ empty: true })
    using stack = new DisposableStack()
    const start = replicasOf(database, stack)
    const [first, second] = await Promise.all([start(), start()])
    await using _first = first
    await using _second = second
    const token = bootstrapToken(first)
    expect(bootstrapToken(second)).toBe(token)
    for (const replica of [first, second])
      expect(await ask(replica, 'auth.whoami', token)).toMatchObject({ status: 200 })
    const exchange = (replica: TestServer) =>
      ask(replica, 'auth.keys.create', token, { kind: 'mutation', input: admin })
    const statuses = (await Promise.all([exchange(first), exchange(second)])).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 401])
  })

  test('a later one has the same token, and none once it is exchanged', async () => {
    await using database = await Database.create()
    using stack = new DisposableStack()
    const start = replicasOf(database, stack)
    await using first = await start()
    await using second = await start()
    expect(bootstrapToken(second)).toBe(bootstrapToken(first))
    await second.connect({ token: bootstrapToken(first) }).auth.keys.create(admin)
    await using third = await start()
    expect(hasBootstrapFile(third)).toBe(false)
  })
})

test('a token that cannot be written does not stop the start, and the log names the setting', async () => {
  using logs = new StoreFolder()
  using folder = new StoreFolder()
  mkdirSync(`${folder.file}.bootstrap`)
  const config = { logDir: logs.path, logLevel: 'info' as const }
  const server = await TestServer.start({ mode: 'serve', folder: folder.path, config })
  expect(bootstrapFile(server)).toBe(`${folder.file}.bootstrap`)
  expect(await ask(server, 'tasks.list', undefined)).toMatchObject({ status: 401 })
  await server.stop()
  // The last write of the log may end after the server.
  const log = () => readFileSync(join(logs.path, 'mcp-server.log'), 'utf8')
  await expect.poll(log).toContain(`cannot be written to ${folder.file}.bootstrap (EISDIR)`)
  expect(log()).toContain('set MCP_BOOTSTRAP_TOKEN_FILE to a file with a token of your own')
})

test('a pepper that cannot be written is refused at the start with the setting to change', async () => {
  using folder = new StoreFolder()
  // A link into nowhere: it does not exist for the server and cannot be created.
  symlinkSync(join(folder.path, 'absent', 'pepper'), `${folder.file}.pepper`)
  await expect(TestServer.start({ mode: 'serve', folder: folder.path })).rejects.toThrow('set MCP_PEPPER_FILE')
})
