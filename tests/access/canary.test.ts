import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'
import { ask, bootstrapToken, register } from './given.ts'

/** Every row of every table as text: the contents of a dump of the database. */
function rowsOf(server: TestServer): string {
  const names = onPostgres
    ? "select tablename as name from pg_tables where schemaname = 'public'"
    : "select name from sqlite_master where type = 'table'"
  const tables = server.query<{ name: string }>(names).map(({ name }) => name)
  expect(tables).toEqual(expect.arrayContaining(['events', 'denials', 'credentials', 'sessions']))
  if (!onPostgres) return JSON.stringify(tables.map((name) => server.query(`select * from "${name}"`)))
  return JSON.stringify(
    server.query(tables.map((name) => `select json_agg(x)::text from "${name}" x`).join(' union all ')),
  )
}

const files = (folder: string, beginning: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith(beginning))
    .map(({ name }) => readFileSync(join(folder, name), 'latin1'))

test('no secret is in the log, the metrics, a refusal, the database, its WAL or a backup', async () => {
  const logDir = mkdtempSync(join(tmpdir(), 'tony-canary-'))
  await using server = await TestServer.start({
    mode: 'serve',
    config: { logDir, logLevel: 'trace', accessTokenMs: 600_000 },
  })
  const secrets = new Set<string>()
  const secret = (text: string): string => {
    secrets.add(text)
    return text
  }
  const bootstrap = server.connect({ token: secret(bootstrapToken(server)) })
  const { key: adminKey, keyId } = await bootstrap.auth.keys.create({ name: 'a', roleCeiling: 'admin', scopes: ['*'] })
  const admin = server.connect({ token: secret(adminKey) })
  secret(adminKey.split('_')[2] ?? '')
  secret((await admin.auth.keys.rotate({ keyId })).key)
  const { key } = await admin.auth.keys.create({ name: 'enrol' })
  const clientInstanceId = secret('canary: the secret of an instance')
  const registered = await register(server, secret(key), { clientInstanceId })
  const { token, refreshToken } = registered
  secret(token)
  const refreshed = await ask(server, 'auth.refresh', undefined, {
    kind: 'mutation',
    input: { refreshToken: secret(refreshToken), nonce: secret('canary: the nonce of a refresh') },
  })
  const { data } = (JSON.parse(refreshed.text) as { result: { data: typeof registered } }).result
  const agent = server.connect({ token: secret(data.token) })
  await agent.auth.renew({ token: data.token })
  await admin.tasks.create({ type: 'code' })
  const { tasks } = await agent.tasks.claim({})
  secret(data.refreshToken)
  const wrong = secret('canary-of-a-wrong-credential-0123456789')
  const refusals: string[] = []
  for (const [path, { kind }] of procedures) {
    if (kind === 'subscription') continue
    for (const shown of [wrong, token, adminKey, `${wrong}.a.b`]) {
      // Secrets in all fields in which a caller might put them by mistake.
      const input = { token: wrong, refreshToken: wrong, name: { wrong }, taskId: wrong, leaseToken: wrong, [wrong]: 1 }
      const answer = await ask(server, path, shown, {
        kind,
        input,
        headers: { 'x-tony-project': wrong, cookie: wrong },
      })
      if (answer.status >= 400) refusals.push(answer.text)
    }
  }
  using wire = await Wire.open(server.url, { connectionParams: { token: wrong }, headers: { cookie: wrong } })
  await wire.closed
  refusals.push(...wire.texts)
  await server.advance(60_000)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  const rows = rowsOf(server)
  // Read before the stop, which moves the WAL into the database.
  const journal = onPostgres ? [] : files(server.folder, 'test.db-wal')
  const backups: string[] = []
  if (!onPostgres) {
    const { path } = await admin.system.backup()
    backups.push(readFileSync(path, 'latin1'))
    expect(journal.join('').length).toBeGreaterThan(10_000)
  }
  await server.stop()
  const log = files(logDir, 'mcp-server.log')
  rmSync(logDir, { recursive: true })
  const database = [rows, ...journal, ...(onPostgres ? [] : files(server.folder, 'test.db'))]
  expect(log.join('').length).toBeGreaterThan(10_000)
  expect(tasks).toHaveLength(1)
  // A reply may repeat an unknown key of the input: it goes to the caller who sent that key.
  const places = {
    log,
    metrics: [metrics],
    database,
    backups,
    answers: refusals.map((text) => text.replaceAll(wrong, '')),
  }
  for (const [where, texts] of Object.entries(places)) {
    const found = [...secrets].filter((canary) => texts.some((text) => text.includes(canary)))
    expect(found, where).toEqual([])
  }
})

test('a line of the log is one record for any input', async () => {
  const logDir = mkdtempSync(join(tmpdir(), 'tony-canary-'))
  await using server = await TestServer.start({ config: { logDir, logLevel: 'trace' } })
  const odd = 'x\n{"level":60,"msg":"forged"}\r\u001b[31m\u2028\u0085"}'
  using wire = await Wire.open(server.url)
  for (const path of [odd, `tasks.${odd}`]) await wire.call(path, 'query', { [odd]: odd })
  await wire.call('tasks.create', 'mutation', { type: 'code', title: odd, [odd]: odd })
  await ask(server, 'tasks.list', odd.replaceAll(/[^ -~]/g, ''), { headers: { 'user-agent': 'x{"level":60}' } })
  await server.stop()
  const lines = files(logDir, 'mcp-server.log')
    .join('')
    .split('\n')
    .filter((line) => line !== '')
  rmSync(logDir, { recursive: true })
  expect(lines.length).toBeGreaterThan(2)
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ time: expect.any(String) })
  expect(lines.filter((line) => line.includes('\r') || line.includes('\u001b'))).toEqual([])
  expect(lines.filter((line) => line.startsWith('{"level":60'))).toEqual([])
})
