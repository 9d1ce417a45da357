import { recordHistory } from '@tony/mcp-server/sweeps/record-history'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { expect, test } from 'vitest'
import { metricByLabels } from '../support/metrics.ts'
import { onPostgres, refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, occupy, receiptOf, receiveOne, rows, tamper } from './given.ts'

const stepMs = 10_000

/** Ends the present step of 10 s, and so writes its sample. */
async function endStep(server: TestServer, ms = stepMs): Promise<void> {
  server.clock.advance(ms)
  await runSweep(server.parts, recordHistory)
}

/** Starts a server whose first step begins now. */
async function startServer(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  const server = await TestServer.start(options)
  await runSweep(server.parts, recordHistory)
  return server
}

type History = Awaited<ReturnType<ReturnType<TestServer['connect']>['system']['history']>>

/** Returns the values of the last steps of a series. */
const last = (series: readonly (number | null)[], count = 1) => series.slice(-count)

/** Returns the counts of the last step. */
const countsOf = (history: History) => ({
  created: history.created.at(-1),
  claimed: history.claimed.at(-1),
  completed: history.completed.at(-1),
  failed: history.failed.at(-1),
  cancelled: history.cancelled.at(-1),
  sent: history.messagesSent.at(-1),
  acked: history.messagesAcked.at(-1),
  returned: history.messagesReturned.at(-1),
  dead: history.messagesDead.at(-1),
  events: history.events.at(-1),
})

/** Creates, claims, completes, fails and cancels tasks, and sends, acks and buries messages. */
async function work(server: TestServer): Promise<void> {
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.createMany({ tasks: Array.from({ length: 5 }, () => ({ type: 'code' })) })
  server.clock.advance(2_000)
  await ada.tasks.complete(leaseOf(await claimOne(ada)))
  await ada.tasks.fail({ ...leaseOf(await claimOne(ada)), error: 'no', retryable: false })
  await lead.tasks.cancel({ taskId: (await claimOne(ada)).id })
  for (const maxDeliver of [1, 2, 2]) await lead.messages.send({ to: 'ada', type: 'note', payload: 1, maxDeliver })
  await ada.messages.nak(receiptOf(await receiveOne(ada)))
  await ada.messages.nak(receiptOf(await receiveOne(ada)))
  await ada.messages.ack(receiptOf(await receiveOne(ada)))
}

test('a step has the counts of its events and the waits of its claims', async () => {
  await using server = await startServer()
  await work(server)
  const lead = server.connect()
  const { events } = await lead.events.list({ limit: 1_000 })
  await endStep(server)
  const history = await lead.system.history({})
  const number = (...types: string[]) => events.filter(({ type }) => types.includes(type)).length
  expect(countsOf(history)).toEqual({
    created: 5,
    claimed: 3,
    completed: 1,
    failed: 1,
    cancelled: 1,
    sent: 3,
    acked: 1,
    returned: 1,
    dead: 1,
    events: events.length,
  })
  expect([number('task.created'), number('message.nacked', 'message.returned')]).toEqual([5, 1])
  expect([last(history.claimWaitMs), last(history.claimWaitMaxMs)]).toEqual([[2_000], [2_000]])
  await endStep(server)
  expect(last((await lead.system.history({})).created, 2)).toEqual([5, 0])
})

test('a step has the depth of the queue by status and priority, and the wait of its oldest task', async () => {
  await using server = await startServer()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  const { id } = await lead.tasks.create({ type: 'code', priority: 'low' })
  server.clock.advance(3_000)
  for (const priority of ['high', 'normal', 'normal'] as const) await lead.tasks.create({ type: 'code', priority })
  await lead.tasks.create({ type: 'code', dependsOn: [id] })
  const raised = await lead.tasks.create({ type: 'code' })
  await lead.tasks.update({ taskId: raised.id, expectedRevision: raised.revision, priority: 'critical' })
  await claimOne(ada)
  await endStep(server, 7_000)
  const { tasks, pending, oldestReadyMs } = await lead.system.history({})
  expect([tasks.pending, tasks.blocked, tasks.in_progress, tasks.failed].map((one) => one.at(-1))).toEqual([4, 1, 1, 0])
  const depth = { critical: last(pending.critical), high: last(pending.high), normal: last(pending.normal) }
  expect({ ...depth, low: last(pending.low) }).toEqual({ critical: [0], high: [1], normal: [2], low: [1] })
  expect([last(oldestReadyMs.low), last(oldestReadyMs.high), last(oldestReadyMs.critical)]).toEqual([
    [10_000],
    [7_000],
    [0],
  ])
})

test('a step has the wait of a task whose claim group is newer than many empty ones', async () => {
  await using server = await startServer()
  const lead = server.connect()
  for (let part = 0; part < 3; part += 1) {
    const tasks = Array.from({ length: 167 }, (_, n) => ({ type: 'old', requires: [`old-${part}-${n}`] }))
    await lead.tasks.createMany({ tasks })
    while ((await lead.tasks.cancelMany({ filter: { type: 'old' } })).more);
  }
  await lead.tasks.create({ type: 'code', priority: 'critical', requires: ['new'] })
  await lead.tasks.create({ type: 'code', priority: 'low', requires: ['newer'] })
  await endStep(server)
  const { pending, oldestReadyMs } = await lead.system.history({})
  expect([last(pending.critical), last(pending.low)]).toEqual([[1], [1]])
  expect([last(oldestReadyMs.critical), last(oldestReadyMs.high), last(oldestReadyMs.low)]).toEqual([
    [stepMs],
    [0],
    [stepMs],
  ])
})

test('the samples of a step share one reading of the size of the database', async () => {
  await using server = await startServer()
  const { history } = server.parts
  const readings: number[] = []
  const read = () => Promise.resolve(readings.push(0))
  const sizes = [0, 0, stepMs, stepMs].map((step) => history.databaseBytesOf(step, read))
  expect(await Promise.all(sizes)).toEqual([1, 1, 2, 2])
})

test('a step has the share of the fleet that waits for locks', async () => {
  await using server = await startServer()
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  await lead.tasks.createMany({ tasks: [1, 2].map(() => ({ type: 'code', locks: ['key:roof'] })) })
  await claimOne(ada)
  await bob.tasks.claim({})
  await endStep(server)
  expect(last((await lead.system.history({})).lockWaitShare)).toEqual([0.5])
})

test('the steps of a minute and of ten minutes add up the shorter ones', async () => {
  await using server = await startServer()
  const lead = server.connect()
  for (let step = 0; step < 60; step += 1) {
    if (step % 20 === 0) await lead.tasks.create({ type: 'code' })
    await endStep(server)
  }
  const [hour, day, week] = [
    await lead.system.history({}),
    await lead.system.history({ range: '24h' }),
    await lead.system.history({ range: '7d' }),
  ]
  expect([hour.stepMs, hour.created.length]).toEqual([10_000, 360])
  expect([day.stepMs, day.created.length]).toEqual([60_000, 1_440])
  expect([week.stepMs, week.created.length]).toEqual([600_000, 1_008])
  expect(last(hour.created, 60).filter((created) => created === 1)).toHaveLength(3)
  expect(last(day.created, 10)).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0, 0])
  expect(last(week.created, 2)).toEqual([null, 3])
  expect(Date.parse(week.from)).toBe(server.clock.wall() - 1_008 * 600_000)
})

test('a stop loses no count, and the time without a server has no values', async () => {
  const first = await startServer()
  await first.connect().tasks.create({ type: 'code' })
  await first.stop()
  const { clock, folder } = first
  clock.advance(3 * stepMs)
  await using server = await startServer({ clock, folder })
  await endStep(server)
  const { created } = await server.connect().system.history({})
  const stopped = created.indexOf(1)
  expect(created.slice(0, stopped)).toEqual(created.slice(0, stopped).map(() => null))
  expect(created.slice(stopped + 1, -1).length).toBeGreaterThanOrEqual(2)
  expect(created.slice(stopped + 1)).toEqual([...created.slice(stopped + 1, -1).map(() => null), 0])
})

test('steps that are too old are deleted, and an empty project has none', async () => {
  await using server = await startServer({ config: { devRole: 'admin' } })
  await server.connect().projects.create({ name: 'empty' })
  await server.connect().tasks.create({ type: 'code' })
  await endStep(server)
  tamper(server, 'UPDATE history_steps SET at = at - 3600000 WHERE step_ms = 10000')
  await endStep(server)
  const kept = rows<{ steps: number }>(server, 'SELECT count(*) AS steps FROM history_steps WHERE step_ms = 10000')
  expect(kept.map(({ steps }) => Number(steps))).toEqual([1])
  const history = await server.connect({ project: 'empty' }).system.history({})
  expect(new Set(history.events)).toEqual(new Set([null]))
})

test('a refused call counts in the history of its project', async () => {
  await using server = await startServer({ limits: { queueMs: 1_000 } })
  const lead = server.connect()
  await server.agent('ada')
  await using occupied = await occupy(server, (await lead.projects.list()).projects[0]?.id ?? '')
  server.clock.advance(1_500)
  const refused = await refusal(lead.tasks.create({ type: 'code' }, { signal: AbortSignal.abort() }))
  expect(refused.code).toBe('OVERLOADED')
  await occupied.free()
  await endStep(server)
  expect(last((await lead.system.history({})).refused)).toEqual([1])
  expect(await metricByLabels(server.url, 'tony_calls_refused_total')).toEqual({ 'lane="normal",code="OVERLOADED"': 1 })
})

test.runIf(onPostgres)('two replicas add to one step', async () => {
  await using one = await startServer()
  const { url } = one.parts.config.postgres ?? { url: '' }
  const pepperFile = `${one.database}.pepper`
  await using two = await startServer({ postgres: { url }, clock: one.clock, config: { pepperFile } })
  for (const server of [one, two]) await server.connect().tasks.create({ type: 'code' })
  one.clock.advance(stepMs)
  for (const server of [one, two]) await runSweep(server.parts, recordHistory)
  const { created, tasks } = await one.connect().system.history({})
  expect([last(created), last(tasks.pending)]).toEqual([[2], [2]])
})
