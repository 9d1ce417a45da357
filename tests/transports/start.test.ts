import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, readConfig } from '@tony/mcp-server/config'
import { ListenError } from '@tony/mcp-server/transports/http/listener'
import { expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'

const folder = (): Disposable & { path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'tony-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

async function failure(run: () => unknown): Promise<Error> {
  try {
    await run()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('it did not fail')
}

test('an unusable environment is refused with the name of every wrong variable', async () => {
  const error = await failure(() =>
    readConfig('dev', {
      MCP_PORT: '70000',
      LOG_LEVEL: 'loud',
      MCP_DURABILITY: 'hope',
      MCP_AGENT_TIMEOUT_MS: 'soon',
      MCP_MAX_PENDING: '0',
      MCP_DEV_ROLE: 'king',
    }),
  )
  expect(error).toBeInstanceOf(ConfigError)
  const names = ['MCP_PORT', 'LOG_LEVEL', 'MCP_DURABILITY', 'MCP_AGENT_TIMEOUT_MS', 'MCP_MAX_PENDING', 'MCP_DEV_ROLE']
  for (const name of names) expect(error.message).toContain(name)
})

test('an empty variable counts as not set', () => {
  expect(readConfig('dev', { MCP_PORT: '', PORT: '4000', MCP_HOST: '', DATABASE_PATH: '' })).toMatchObject({
    port: 4_000,
    host: '127.0.0.1',
    database: 'tony-mcp.db',
  })
})

test.each([
  [{}, { port: 3456, logLevel: 'info', durability: 'disk', devRole: 'tech-lead', agentTimeoutMs: 30_000 }],
  [{ MCP_PORT: '1', PORT: '2' }, { port: 1 }],
  [{ DATABASE_PATH: 'a', MCP_DATABASE_PATH: 'b', MCP_DATABASE: 'c' }, { database: 'a' }],
  [{ MCP_DATABASE_PATH: 'b', MCP_DATABASE: 'c' }, { database: 'b' }],
  [{ MCP_LOG_LEVEL: 'warn' }, { logLevel: 'warn' }],
  [{}, { maxPending: 10_000 }],
  [{ MCP_MAX_PENDING: '1' }, { maxPending: 1 }],
])('the environment %j gives %j', (environment, expected) => {
  expect(readConfig('dev', environment)).toMatchObject(expected)
})

test('a file and a PostgreSQL that are both named are refused: one of them would be ignored silently', async () => {
  const DATABASE_URL = 'postgres://tony@db/tony'
  for (const name of ['DATABASE_PATH', 'MCP_DATABASE_PATH', 'MCP_DATABASE']) {
    const error = await failure(() => readConfig('serve', { [name]: '/data/tony-mcp.db', DATABASE_URL }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('/data/tony-mcp.db')
  }
  expect(readConfig('serve', { DATABASE_URL }).postgres?.url).toBe(DATABASE_URL)
})

test('dev mode refuses NODE_ENV=production and names the alternative', async () => {
  const error = await failure(() => readConfig('dev', { NODE_ENV: 'production' }))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toContain('NODE_ENV=production')
  expect(error.message).toContain('serve')
  expect(readConfig('serve', { NODE_ENV: 'production' }).mode).toBe('serve')
})

test.each(['0.0.0.0', '::', '192.168.1.7', 'example.com', '127.0.0.1.evil.example'])(
  'dev mode refuses the host %s',
  async (host) => {
    const error = await failure(() => readConfig('dev', { MCP_HOST: host }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(`MCP_HOST=${host}`)
  },
)

test.each(['127.0.0.1', '::1', 'localhost'])('dev mode listens on %s', async (host) => {
  await using server = await TestServer.start({ config: { host } })
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
})

test('a port in use is reported with the next step, and the file is free again', async () => {
  await using running = await TestServer.start()
  using place = folder()
  const port = Number(new URL(running.url).port)
  const error = await failure(() => TestServer.start({ folder: place.path, config: { port } }))
  expect(error).toBeInstanceOf(ListenError)
  expect(error.message).toContain(`port ${port} is in use`)
  expect(error.message).toContain('MCP_PORT')
  await using next = await TestServer.start({ folder: place.path })
  expect((await fetch(`${next.url}/readyz`)).status).toBe(200)
})

test('an address of another machine is reported', async () => {
  using place = folder()
  const error = await failure(() => TestServer.start({ folder: place.path, config: { host: '203.0.113.7' } }))
  expect(error).toBeInstanceOf(ListenError)
  expect(error.message).toContain('203.0.113.7')
})

// On PostgreSQL there is no file.
test.skipIf(onPostgres)('a file that another server owns is refused with a reason', async () => {
  await using running = await TestServer.start()
  const error = await failure(() => TestServer.start({ folder: running.folder }))
  expect(error.name).toBe('StoreInUseError')
  expect(error.message).toContain(running.database)
})
