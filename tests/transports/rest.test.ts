import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

interface Sent {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Returns a function that makes a request of a server and returns its status, headers and body. */
const restOf =
  (server: TestServer, token?: string) =>
  async (path: string, { method = 'GET', body, headers = {} }: Sent = {}) => {
    const reply = await fetch(`${server.url}/api${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    return { status: reply.status, headers: reply.headers, json: text === '' ? undefined : JSON.parse(text) }
  }

test('an agent without a socket registers, claims, reports and completes a task in REST', async () => {
  await using server = await TestServer.start()
  const lead = restOf(server)
  const registered = await lead('/agents/register', { method: 'POST', body: { name: 'ada', type: 'implementation' } })
  expect(registered.status).toBe(201)
  expect(registered.headers.get('location')).toBe(`/api/agents/${registered.json.agentId}`)
  const created = await lead('/tasks', { method: 'POST', body: { type: 'code', title: 'walls' } })
  expect([created.status, created.headers.get('location')]).toEqual([201, `/api/tasks/${created.json.id}`])
  const ada = restOf(server, registered.json.token)
  const claimed = await ada('/tasks/claim', { method: 'POST' })
  const [{ leaseToken, id }] = claimed.json.tasks
  expect([claimed.status, id]).toEqual([200, created.json.id])
  const progress = await ada(`/tasks/${id}/progress`, { method: 'POST', body: { leaseToken, percent: 50 } })
  expect(progress.status).toBe(200)
  const completed = await ada(`/tasks/${id}/complete`, { method: 'POST', body: { leaseToken, result: { ok: true } } })
  expect(completed.json).toMatchObject({ status: 'completed' })
  expect((await lead(`/tasks/${id}`)).json).toMatchObject({ status: 'completed', result: { ok: true } })
  expect((await lead(`/agents/${registered.json.agentId}`)).json).toMatchObject({ name: 'ada' })
})

test('a claim in REST waits for a task', async () => {
  await using server = await TestServer.start()
  const agent = await server.agent('ada')
  const claim = restOf(server, agent.token)('/tasks/claim', { method: 'POST', body: { waitMs: 60_000 } })
  await agent.tasks.list({})
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await claim).json.tasks).toMatchObject([{ id }])
})

test('an error is a problem document with the code of the other transports and the id of the request', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  const { status, headers, json } = await rest('/tasks/01890000-0000-7000-8000-000000000000')
  expect([status, headers.get('content-type')]).toEqual([404, 'application/problem+json'])
  expect(json).toMatchObject({ type: 'about:blank', title: 'Not Found', status: 404, code: 'NOT_FOUND', applied: 'no' })
  expect(headers.get('x-request-id')).toBe(json.requestId)
  const wrong = await rest('/tasks', { method: 'POST', body: { type: 7 } })
  expect(wrong.json).toMatchObject({ status: 400, code: 'INVALID_INPUT', details: { issues: [{ path: 'type' }] } })
})

test('an unknown path is 404, a wrong method 405 with the allowed ones, a body of another type 415', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  for (const path of ['/', '/nothing', '/tasks/a/b/c/d', '/tasks/%ff'])
    expect([path, (await rest(path)).status]).toEqual([path, 404])
  const deleted = await rest('/tasks', { method: 'DELETE' })
  expect([deleted.status, deleted.headers.get('allow'), deleted.json.code]).toEqual([
    405,
    'POST, GET',
    'METHOD_NOT_ALLOWED',
  ])
  const typed = await rest('/tasks', { method: 'POST', body: {}, headers: { 'content-type': 'text/plain' } })
  expect(typed.json).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' })
  const contradiction = { agent: 'other', reason: 'x' }
  const drained = await rest('/agents/ada/drain', { method: 'POST', body: contradiction })
  expect(drained.json).toMatchObject({ status: 400, detail: expect.stringContaining('agent') })
})

test('the same Idempotency-Key returns the first reply, and refuses another body', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  const create = (title: string) =>
    rest('/tasks', { method: 'POST', body: { type: 'code', title }, headers: { 'idempotency-key': 'once' } })
  const [first, second] = [await create('walls'), await create('walls')]
  expect(second.json.id).toBe(first.json.id)
  expect((await create('roof')).json).toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' })
})

test('an ETag is the revision: If-None-Match is 304, and a stale If-Match 412', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  const { json, headers } = await rest('/tasks', { method: 'POST', body: { type: 'code' } })
  const etag = headers.get('etag') ?? ''
  expect(etag).toBe(`"${json.revision}"`)
  const path = `/tasks/${json.id}`
  expect((await rest(path, { headers: { 'if-none-match': etag } })).status).toBe(304)
  const update = (match: string) =>
    rest(path, { method: 'PATCH', body: { title: 'new' }, headers: { 'if-match': match } })
  expect(await update(etag)).toMatchObject({ status: 200, json: { revision: json.revision + 1 } })
  expect((await update(etag)).json).toMatchObject({ status: 412, code: 'REVISION_CONFLICT' })
  expect((await update('*')).json).toMatchObject({ status: 400 })
})

test('pages are linked, and fields selects the fields of each item', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  for (const title of ['a', 'b', 'c']) await server.connect().tasks.create({ type: 'code', title })
  const titles: string[] = []
  let next: string | undefined = '/tasks?limit=2&fields=title'
  while (next !== undefined) {
    const { json, headers } = await rest(next)
    expect(json.tasks.every((task: object) => Object.keys(task).join() === 'title')).toBe(true)
    titles.push(...json.tasks.map(({ title }: { title: string }) => title))
    next = /^<\/api(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]
  }
  expect(titles.toSorted()).toEqual(['a', 'b', 'c'])
  expect((await rest('/tasks?status=pending&limit=many')).status).toBe(400)
})

test('a page of the feed is linked to the next, and an unknown field is refused before the call', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  for (const title of ['a', 'b', 'c']) await server.connect().tasks.create({ type: 'code', title })
  const found: string[] = []
  let next: string | undefined = '/events?limit=2&types=task.created&fields=type,seq'
  while (next !== undefined) {
    const { json, headers } = await rest(next)
    found.push(...json.events.map((event: object) => Object.keys(event).join()))
    next = /^<\/api(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]
  }
  expect(found).toEqual(['seq,type', 'seq,type', 'seq,type'])
  const refused = await rest('/tasks?fields=titel', { method: 'POST', body: { type: 'code' } })
  expect(refused.json).toMatchObject({ status: 400, detail: expect.stringContaining('title') })
  expect((await rest('/tasks')).json.tasks).toHaveLength(3)
})

test('an ETag is read in every form that caches and proxies send', async () => {
  await using server = await TestServer.start()
  const rest = restOf(server)
  const { json } = await rest('/tasks', { method: 'POST', body: { type: 'code' } })
  const path = `/tasks/${json.id}`
  for (const tag of ['W/"1"', '"7", "1"', '"7",W/"1"'])
    expect([tag, (await rest(path, { headers: { 'if-none-match': tag } })).status]).toEqual([tag, 304])
  expect((await rest(path, { headers: { 'if-none-match': '"11"' } })).status).toBe(200)
  const changed = await rest(path, { method: 'PATCH', body: { title: 'new' }, headers: { 'if-match': 'W/"1"' } })
  expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"'])
})

test('an agent without a socket waits for its next task, for a message and for an answer', async () => {
  await using server = await TestServer.start()
  const [worker, lead] = [await server.agent('worker'), server.connect()]
  const asWorker = restOf(server, worker.token)
  const { id } = await lead.tasks.create({ type: 'code' })
  const [held] = (await asWorker('/tasks/claim', { method: 'POST' })).json.tasks
  const completed = { taskId: id, leaseToken: held.leaseToken }
  const next = asWorker('/tasks/next', { method: 'POST', body: { completed, waitMs: 60_000 } })
  const received = asWorker('/messages/receive', { method: 'POST', body: { waitMs: 60_000 } })
  await expect.poll(async () => (await lead.tasks.get({ taskId: id })).status).toBe('completed')
  const second = await lead.tasks.create({ type: 'code' })
  expect((await next).json.tasks).toMatchObject([{ id: second.id }])
  const asked = restOf(server)('/requests', { method: 'POST', body: { method: 'review', target: worker.id } })
  const [message] = (await received).json.messages
  const { requestId } = message.payload
  const reply = await asWorker(`/requests/${requestId}/reply`, { method: 'POST', body: { result: { good: true } } })
  expect(reply.json).toMatchObject({ inTime: true })
  expect(await asked).toMatchObject({ status: 201, json: { ok: true, result: { good: true } } })
})

/** Reads events until there are `count`, and then ends the request. */
async function readEvents(url: string, headers: Record<string, string>, count: number) {
  const leaving = new AbortController()
  const { body, headers: sent } = await fetch(url, { headers, signal: leaving.signal })
  expect(sent.get('content-type')).toBe('text/event-stream')
  let text = ''
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part
    if (text.split('\n\n').length > count) break
  }
  leaving.abort()
  return text
    .split('\n\n')
    .slice(0, count)
    .map((event) => ({
      id: /^id: (.*)$/m.exec(event)?.[1] ?? '',
      data: JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null'),
    }))
}

test('the feed is a stream of events that resumes after Last-Event-ID', async () => {
  await using server = await TestServer.start()
  for (const title of ['a', 'b', 'c']) await server.connect().tasks.create({ type: 'code', title })
  const url = `${server.url}/api/events/stream?cursor=start&types=task.created`
  const all = await readEvents(url, {}, 3)
  expect(all.map(({ data }) => data.type)).toEqual(['task.created', 'task.created', 'task.created'])
  const rest = await readEvents(url, { 'last-event-id': all[0]?.id ?? '' }, 2)
  expect(rest).toEqual(all.slice(1))
})

test('a message is in the stream of an inbox that already waits, and can be acked', async () => {
  await using server = await TestServer.start()
  const bob = await server.agent('bob')
  const received = readEvents(`${server.url}/api/messages/inbox`, { authorization: `Bearer ${bob.token}` }, 1)
  const { inboxes } = server.parts.waiters
  while (!inboxes.openInboxOf(bob.id)) await new Promise((resolve) => setImmediate(resolve))
  const { id } = await server.connect().messages.send({ to: 'bob', type: 'note', payload: { n: 1 } })
  const message = (await received)[0]?.data
  expect(message).toMatchObject({ id, payload: { n: 1 }, attempt: 1 })
  await bob.messages.ack({ messageId: message.id, receipt: message.receipt })
  expect(await bob.messages.get({ messageId: message.id })).toMatchObject({ status: 'acked' })
})

test('a stream whose caller has no permission is refused before it begins', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const { status, json } = await restOf(server)('/events/stream')
  expect([status, json.code]).toEqual([401, 'UNAUTHENTICATED'])
})

test('the rates of a caller hold in REST too', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const { headers } = await restOf(server)('/system/info')
  expect(headers.get('ratelimit')).not.toBeNull()
})

test('a caller that leaves during its claim in REST leaves the queue', async () => {
  await using server = await TestServer.start()
  const [gone, waiting] = [await server.agent('gone'), await server.agent('waiting')]
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  const body = '{"waitMs":60000}'
  socket.write(
    `POST /api/tasks/claim HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${gone.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await (await fetch(`${server.url}/readyz`)).text()
  socket.destroy()
  await once(socket, 'close')
  const claimed = waiting.tasks.claim({ waitMs: 60_000 })
  await waiting.tasks.list({})
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await claimed).tasks).toMatchObject([{ id, claimedBy: waiting.id }])
})
