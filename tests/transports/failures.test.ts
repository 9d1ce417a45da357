import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Wire } from './wire.ts'

/** Damages the file under a running server, as a bad disk or a careless operator would. */
function damage(server: TestServer, sql: string): void {
  const database = new Database(server.database)
  database.pragma('foreign_keys = OFF')
  database.exec(sql)
  database.close()
}

const post = (url: string, body: string) =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

/** Checks that a reply names neither the damaged part nor its place in the code. */
function saysNothing(server: TestServer, text: string): void {
  for (const word of [
    'stack',
    'select',
    'SQL',
    'tasks"',
    'no such',
    'JSON',
    'node_modules',
    '.ts',
    'Error:',
    server.folder,
  ]) {
    expect(text).not.toContain(word)
  }
}

const internal = {
  message: 'internal error in the server: its log has the cause',
  code: -32_603,
  data: {
    code: 'INTERNAL',
    httpStatus: 500,
    retryable: true,
    applied: 'unknown',
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  },
}

test('a row that cannot be read is INTERNAL with a request id and nothing else, on every transport', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  damage(server, "UPDATE tasks SET metadata = 'no JSON, in /etc/passwd'")
  const input = { taskId: id }
  using wire = await Wire.open(server.url)
  const overSocket = await wire.call('tasks.get', 'query', input)
  const overHttp = await fetch(`${server.url}/trpc/tasks.get?input=${encodeURIComponent(JSON.stringify(input))}`)
  const text = await overHttp.text()
  expect(overHttp.status).toBe(500)
  expect(overSocket.error).toEqual(internal)
  expect(JSON.parse(text)).toEqual({ error: internal })
  saysNothing(server, JSON.stringify(overSocket) + text)
  expect(await wire.answers()).toBe(true)
})

test('no transport reveals a missing table', async () => {
  await using server = await TestServer.start()
  damage(server, 'DROP TABLE agents')
  using wire = await Wire.open(server.url)
  const body = JSON.stringify({ name: 'worker', type: 'implementation' })
  const read = await wire.call('agents.list', 'query', {})
  const written = await wire.call('agents.register', 'mutation', JSON.parse(body))
  const overHttp = await post(`${server.url}/trpc/agents.register`, body)
  const overRest = await post(`${server.url}/api/agents/register`, body)
  expect([overHttp.status, overRest.status]).toEqual([503, 503])
  for (const error of [read.error, written.error]) {
    expect(error?.data).toMatchObject({ retryable: true, applied: 'unknown' })
    expect(error?.data['details']).toBeUndefined()
    expect(error?.data['httpStatus']).toBeGreaterThanOrEqual(500)
  }
  saysNothing(server, JSON.stringify([read, written]) + (await overHttp.text()) + (await overRest.text()))
  expect(await wire.answers()).toBe(true)
})

test('a feed that cannot be read ends its subscription with INTERNAL, and the socket stays', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code' })
  damage(server, "DROP TRIGGER event_pages_are_only_added; UPDATE event_pages SET lines = 'no JSON'")
  using wire = await Wire.open(server.url)
  wire.send({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { cursor: 'start' } } })
  for (;;) {
    const { error } = await wire.of(1)
    if (!error) continue
    expect(error).toEqual(internal)
    break
  }
  expect(await wire.answers()).toBe(true)
})

test('a store that does not reply affects readiness and not liveness', async () => {
  await using server = await TestServer.start()
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  damage(server, 'ALTER TABLE projects RENAME TO gone')
  const ready = await fetch(`${server.url}/readyz`)
  expect(ready.status).toBe(503)
  expect(await ready.json()).toMatchObject({ status: 'store_unavailable' })
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  damage(server, 'ALTER TABLE gone RENAME TO projects')
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
})

test('a reply that does not match its schema is INTERNAL, not a fault of the input', async () => {
  await using server = await TestServer.start()
  const { id } = await server.connect().tasks.create({ type: 'code' })
  damage(server, `UPDATE tasks SET type = '${'x'.repeat(300)}'`)
  using wire = await Wire.open(server.url)
  expect((await wire.call('tasks.get', 'query', { taskId: id })).error).toEqual(internal)
})
