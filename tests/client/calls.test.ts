import { type CallRecord, type Client, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { Hop } from '../transports/hop.ts'

/** Returns a listener for `onState` and a promise for a state of the client. */
function states(): { onState: (state: string) => void; reached: (state: string, times?: number) => Promise<void> } {
  const seen: string[] = []
  let wake: () => void = () => undefined
  return {
    onState: (state) => {
      seen.push(state)
      wake()
    },
    reached: async (state, times = 1) => {
      while (seen.filter((one) => one === state).length < times) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

const titles = async (client: Client) => (await client.tasks.list({})).tasks.map(({ title }) => title)

test('a call before the start of the server is answered once it runs', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  hop.refuse()
  const { onState, reached } = states()
  const client = server.connect({ url: hop.url, onState })
  const call = client.system.info()
  await reached('connecting', 2)
  hop.accept()
  expect((await call).name).toBe('tony-mcp')
})

test('more calls at once than fit into a frame are all answered', async () => {
  await using server = await TestServer.start({ limits: { frameCalls: 500, callsInFlight: 2_000 } })
  const client = server.connect()
  await client.system.info()
  const answers = await Promise.all(Array.from({ length: 1_200 }, () => client.system.info()))
  expect(answers.filter(({ name }) => name === 'tony-mcp')).toHaveLength(1_200)
})

/** Returns the number of whole WebSocket frames of a client, each of less than 64 KiB. */
function countFrames(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; count += 1) {
    const short = bytes.readUInt8(at + 1) & 127
    const [lengthBytes, length] = short === 126 ? [2, bytes.readUInt16BE(at + 2)] : [0, short]
    at += 2 + lengthBytes + 4 + length
  }
  return count
}

test('calls of one turn of the event loop share a frame, however many promises lie between them', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const sent: Buffer[] = []
  hop.onRequest = (bytes) => void sent.push(bytes)
  const first = client.system.info()
  for (let promises = 0; promises < 100; promises += 1) await undefined
  await Promise.all([first, client.system.info()])
  expect(countFrames(Buffer.concat(sent))).toBe(1)
})

test('a client survives a restart of the server on the same port and file', async () => {
  const first = await TestServer.start()
  const port = Number(new URL(first.url).port)
  const client = createClient({ url: first.url, deadlineMs: 20_000 })
  try {
    await client.tasks.create({ type: 'code', title: 'before' })
    await first.stop()
    const during = client.tasks.create({ type: 'code', title: 'during' })
    await using second = await TestServer.start({ folder: first.folder, config: { port } })
    await during
    await client.tasks.create({ type: 'code', title: 'after' })
    expect(await titles(second.connect())).toEqual(['before', 'during', 'after'])
  } finally {
    client.close()
  }
})

test('a call whose reply was lost is repeated with the same key and takes effect once', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const calls = ['a', 'b', 'c'].map((title) => client.tasks.create({ type: 'code', title }))
  await lost
  hop.accept()
  hop.cut()
  const ids = (await Promise.all(calls)).map(({ id }) => id)
  const { tasks } = await server.connect().tasks.list({})
  expect(tasks.map(({ id }) => id)).toEqual(ids)
})

test('a claim whose reply was lost returns the same lease', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })
  const worker = await server.agent('worker')
  const client = server.connect({ url: hop.url, token: worker.token })
  await client.system.info()
  const lost = hop.loseAnswers()
  const claim = client.tasks.claim({})
  await lost
  hop.accept()
  hop.cut()
  const { tasks } = await claim
  expect(tasks).toHaveLength(1)
  expect((await lead.tasks.list({ status: 'in_progress' })).tasks.map(({ id }) => id)).toEqual(
    tasks.map(({ id }) => id),
  )
})

test('a call that must not be repeated is not, and its outcome is unknown', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const call = refusal(client.agents.register({ name: 'worker', type: 'qa', clientInstanceId: 'a secret of sixteen' }))
  await lost
  hop.accept()
  hop.cut()
  expect(await call).toMatchObject({ code: 'CONNECTION_LOST', applied: 'unknown' })
  expect((await client.agents.get({ agent: 'worker' })).incarnation).toBe(1)
})

test('a refusal after a lost reply does not state that nothing was applied', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const worker = await server.agent('worker')
  const { id } = await server.connect().tasks.create({ type: 'code' })
  const {
    tasks: [task],
  } = await worker.tasks.claim({ leaseMs: 5_000 })
  const client = server.connect({ url: hop.url, token: worker.token })
  await client.system.info()
  const lost = hop.loseAnswers()
  const progress = refusal(client.tasks.progress({ taskId: id, leaseToken: task?.leaseToken ?? '', percent: 10 }))
  await lost
  await server.advance(5_001)
  hop.accept()
  hop.cut()
  expect(await progress).toMatchObject({ code: 'STALE_LEASE', applied: 'unknown' })
})

test('a refusal of the only attempt states that nothing was applied', async () => {
  await using server = await TestServer.start()
  const refused = await refusal(server.connect().tasks.get({ taskId: 'absent' }))
  expect(refused).toMatchObject({ code: 'NOT_FOUND', applied: 'no' })
})

test('a call beyond the limit of open calls is repeated until it fits', async () => {
  await using server = await TestServer.start({ limits: { callsInFlight: 2 } })
  const client = server.connect()
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, index) => client.tasks.create({ type: 'code', title: `${index}` })),
  )
  expect(new Set(made.map(({ id }) => id)).size).toBe(20)
  expect((await client.tasks.list({})).tasks).toHaveLength(20)
})

test('the deadline of a call without a connection: nothing was applied', async () => {
  await using hop = await Hop.start('http://127.0.0.1:9')
  hop.refuse()
  const client = createClient({ url: hop.url, deadlineMs: 50 })
  try {
    expect(await refusal(client.system.info())).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'no' })
    expect(await refusal(client.tasks.create({ type: 'code' }, { deadlineMs: 20 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      applied: 'no',
    })
  } finally {
    client.close()
  }
})

test('the deadline of a call without a reply: it may have been applied', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const lost = hop.loseAnswers()
  const call = refusal(client.tasks.create({ type: 'code', title: 'made' }, { deadlineMs: 100 }))
  await lost
  expect(await call).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'unknown' })
  expect(await titles(server.connect())).toEqual(['made'])
})

test('a call with once is sent a single time, and a temporary refusal is final', async () => {
  await using server = await TestServer.start({ config: { maxPending: 1 } })
  const [ann] = [await server.agent('ann'), await server.agent('bob')]
  const message = { to: 'bob', type: 'note', payload: 1 }
  await ann.messages.send({ ...message, priority: 'critical' })
  const began = performance.now()
  expect(await refusal(ann.messages.send(message, { once: true }))).toMatchObject({ code: 'INBOX_FULL', applied: 'no' })
  // The deadline is 10 s, and repetitions continue until then.
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a deadline during repetitions names the refusal of the previous attempt', async () => {
  await using server = await TestServer.start({ config: { maxPending: 1 } })
  await using hop = await Hop.start(server.url)
  const [ann] = [await server.agent('ann'), await server.agent('bob')]
  const message = { to: 'bob', type: 'note', payload: 1 }
  await ann.messages.send({ ...message, priority: 'critical' })
  const client = server.connect({ url: hop.url, token: ann.token })
  const call = refusal(client.messages.send(message, { deadlineMs: 2_000 }))
  // The server has answered the first attempt by the time of this reply.
  await refusal(client.messages.send(message, { once: true }))
  await hop.loseAnswers()
  expect(await call).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    applied: 'unknown',
    message: expect.stringMatching(/^no reply within 2000 ms \(deadlineMs\); .* INBOX_FULL: /),
  })
})

test('the deadline of a blocking call starts after its wait', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const client = server.connect({ token: worker.token, deadlineMs: 300 })
  await client.system.info()
  const claim = client.tasks.claim({ waitMs: 60_000 })
  // The wait runs on the server's clock, which stands still, so 300 ms of real time do not end it.
  const short = refusal(client.tasks.claim({ waitMs: 200 }, { deadlineMs: 50 }))
  expect(await short).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const { id } = await server.connect().tasks.create({ type: 'code' })
  expect((await claim).tasks).toMatchObject([{ id }])
})

test('a blocking call that is aborted returns its result so far', async () => {
  await using server = await TestServer.start()
  const worker = await server.agent('worker')
  const ending = new AbortController()
  const claim = worker.tasks.claim({ waitMs: 60_000 }, { signal: ending.signal })
  await worker.system.info()
  ending.abort()
  expect(await claim).toEqual({ tasks: [] })
  expect(await worker.tasks.claim({ waitMs: 60_000 }, { signal: AbortSignal.abort() })).toEqual({ tasks: [] })
})

test('a blocking call that is aborted without a connection ends at once', async () => {
  await using hop = await Hop.start('http://127.0.0.1:9')
  hop.refuse()
  const client = createClient({ url: hop.url })
  const ending = new AbortController()
  const claim = refusal(client.tasks.claim({ waitMs: 60_000 }, { signal: ending.signal }))
  ending.abort()
  expect(await claim).toMatchObject({ code: 'CONNECTION_LOST', applied: 'no' })
  client.close()
})

test('a call too large for a frame is refused by the client and costs no other call its connection', async () => {
  await using server = await TestServer.start()
  await using hop = await Hop.start(server.url)
  const client = server.connect({ url: hop.url })
  await client.system.info()
  const large = refusal(client.tasks.create({ type: 'code', description: '漢'.repeat(350_000) }))
  expect(await large).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', applied: 'no' })
  expect((await client.system.info()).name).toBe('tony-mcp')
  expect(hop.connections).toBe(1)
})

test('simultaneous calls that exceed a frame together all arrive', async () => {
  await using server = await TestServer.start()
  const client = server.connect()
  const description = '漢'.repeat(60_000)
  const made = await Promise.all(Array.from({ length: 30 }, () => client.tasks.create({ type: 'code', description })))
  expect(made.every((task) => task.description === description)).toBe(true)
})

test('every call is recorded with its outcome', async () => {
  await using server = await TestServer.start()
  const records: CallRecord[] = []
  const client = server.connect({ onCall: (record) => records.push(record) })
  await client.tasks.create({ type: 'code' })
  await refusal(client.tasks.get({ taskId: 'absent' }))
  expect(records.map(({ type, op, path }) => [type, op, path])).toEqual([
    ['invoke', 1, 'tasks.create'],
    ['ok', 1, 'tasks.create'],
    ['invoke', 2, 'tasks.get'],
    ['fail', 2, 'tasks.get'],
  ])
  const [first] = records
  expect(first && 'input' in first && first.input).toMatchObject({ type: 'code', idempotencyKey: expect.any(String) })
})
