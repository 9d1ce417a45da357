import { expect, test } from 'vitest'
import { claimOne, leaseOf, receiptOf, receiveOne } from '../api/given.ts'
import { metric, metricByLabels } from '../support/metrics.ts'
import { promtool, runPromtool } from '../support/promtool.ts'
import { TestServer } from '../support/server.ts'

/** Works with tasks and messages, so that every kind of metric has a value. */
async function work(server: TestServer): Promise<void> {
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.createMany({ tasks: ['high', 'normal', 'low'].map(() => ({ type: 'code' })) })
  server.clock.advance(2_000)
  await ada.tasks.complete(leaseOf(await claimOne(ada)))
  for (let n = 0; n < 2; n += 1) await lead.messages.send({ to: 'ada', type: 'note', payload: n, maxDeliver: 1 })
  await ada.messages.ack(receiptOf(await receiveOne(ada)))
  await ada.messages.nak(receiptOf(await receiveOne(ada)))
}

test('the counters of events equal the feed, and the histograms count each commit and claim', async () => {
  await using server = await TestServer.start()
  await work(server)
  const { events } = await server.connect().events.list({ limit: 1_000 })
  const byType = Object.entries(Object.groupBy(events, ({ type }) => type))
  expect(await metricByLabels(server.url, 'tony_events_total')).toEqual(
    Object.fromEntries(byType.map(([type, ofType = []]) => [`type="${type}"`, ofType.length])),
  )
  expect(await metric(server.url, 'tony_claim_wait_seconds_sum')).toBe(2)
  const commits = await metric(server.url, 'tony_batch_operations_count')
  expect(commits).toBeGreaterThanOrEqual(8)
  expect(await metric(server.url, 'tony_commit_seconds_count')).toBe(commits)
})

test('a scrape has the queue by priority, the sizes and the lag of the slowest subscriber', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.create({ type: 'code', priority: 'high' })
  server.clock.advance(3_000)
  const project = 'project="default"'
  expect(await metricByLabels(server.url, 'tony_pending_tasks')).toMatchObject({ [`${project},priority="high"`]: 1 })
  expect(await metricByLabels(server.url, 'tony_oldest_ready_seconds')).toMatchObject({
    [`${project},priority="high"`]: 3,
    [`${project},priority="low"`]: 0,
  })
  expect(await metricByLabels(server.url, 'tony_messages_unaccounted')).toEqual({ [project]: 0 })
  expect(await metricByLabels(server.url, 'tony_lock_wait_ratio')).toEqual({ [project]: 0 })
  expect(await metric(server.url, 'tony_database_bytes')).toBeGreaterThan(0)
  expect(await metric(server.url, 'tony_feed_lag_events')).toBe(0)
})

test.runIf(promtool)('promtool finds nothing to improve in the metrics', async () => {
  await using server = await TestServer.start()
  await work(server)
  const text = await (await fetch(`${server.url}/metrics`)).text()
  expect(await runPromtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' })
})
