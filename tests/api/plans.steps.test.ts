import type { Client } from '@tony/mcp-client'
import { StepSize } from '@tony/mcp-server/domain/plans/continue'
import { parsePlanned, requirePlanFits } from '@tony/mcp-server/domain/plans/staged-tasks'
import { continuePlans } from '@tony/mcp-server/sweeps/continue-plans'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

const none = { total: 0, tasks: [] }

/** Enough for ten steps. */
const size = 1_000

async function stagePlan(server: TestServer, count: number) {
  const lead = server.connect()
  const { planId } = await lead.plans.begin({ name: 'plan' })
  for (let start = 0; start < count; start += 200) {
    const tasks = Array.from({ length: Math.min(200, count - start) }, (_, index) => ({
      type: 'code',
      externalId: `t${start + index}`,
    }))
    await lead.plans.add({ planId, tasks })
  }
  return { lead, planId }
}

/** Leaves a plan as a server does that ended when it had published none of it. */
const stopAtStart = ({ parts: { store } }: TestServer, project: string) =>
  store.transact({ project }, ({ db, t, now }) =>
    db
      .update(t.plans)
      .set({ status: 'committing', committedBy: null, steppedAt: now })
      .where(eq(t.plans.status, 'open')),
  )

/** Lets time pass since the last step of a plan. The clock stands still, and with it the sweeps. */
const letPass = ({ parts: { store } }: TestServer, project: string, { ms, ...set }: { ms: number; created?: number }) =>
  store.transact({ project }, ({ db, t: { plans } }) =>
    db.update(plans).set({ ...set, steppedAt: sql`${plans.steppedAt} - ${ms}` }),
  )

const projectOf = async (lead: Client) => (await lead.projects.list()).projects[0]?.id ?? ''

test('a large commit lets other calls run in between', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, size)
  const worker = await server.agent('worker')
  await lead.tasks.create({ type: 'code', priority: 'critical' })
  const held = await claimOne(worker)
  const order: string[] = []
  const commit = lead.plans.commit({ planId }).then((reply) => order.push('commit') && reply)
  await worker.agents.heartbeat({ leases: [leaseOf(held)] }).then(() => order.push('heartbeat'))
  await lead.tasks.create({ type: 'code' }).then(() => order.push('create'))
  expect(await commit).toMatchObject({ created: size })
  expect(order).toEqual(['heartbeat', 'create', 'commit'])
})

test('two concurrent commits of one plan publish each task once, with one reply', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 300)
  const other = server.connect()
  const replies = await Promise.all([lead.plans.commit({ planId }), other.plans.commit({ planId })])
  expect(replies).toEqual([
    { planId, created: 300, updated: 0, unchanged: 0, kept: none },
    { planId, created: 300, updated: 0, unchanged: 0, kept: none },
  ])
  expect((await lead.system.metrics()).tasks.byStatus.pending).toBe(300)
  expect((await lead.events.list({ types: ['plan.committed'] })).events).toHaveLength(1)
})

test('an interrupted publication continues without a call', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 300)
  await stopAtStart(server, await projectOf(lead))
  await server.advance(10_000)
  expect((await lead.events.list({ types: ['plan.committed'] })).events).toEqual([])
  await server.advance(30_000)
  const { events } = await lead.events.list({ types: ['plan.committed'] })
  expect(events).toMatchObject([{ subject: planId, data: { name: 'plan', created: 300 } }])
  expect((await lead.system.metrics()).tasks.byStatus.pending).toBe(300)
})

test('a plan during its publication accepts no tasks, and can be committed again and aborted', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 3)
  await stopAtStart(server, await projectOf(lead))
  const closed = { code: 'ILLEGAL_TRANSITION', message: expect.stringContaining('being published') }
  const added = lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'late' }] })
  expect(await refusal(added)).toMatchObject(closed)
  expect(await lead.plans.abort({ planId })).toEqual({ planId, discarded: 3 })
  const { planId: second } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({ planId: second, tasks: [{ type: 'code', externalId: 'a' }] })
  await stopAtStart(server, await projectOf(lead))
  expect(await lead.plans.commit({ planId: second })).toMatchObject({ created: 1 })
})

test('a refused commit publishes nothing and leaves the plan open', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 150)
  const task = { type: 'code', externalId: 'last', assignedTo: 'nobody' }
  await lead.plans.add({ planId, tasks: [task] })
  expect(await refusal(lead.plans.commit({ planId }))).toMatchObject({ code: 'NOT_FOUND', applied: 'no' })
  expect((await lead.tasks.list({})).tasks).toEqual([])
  await server.agent('nobody')
  expect(await lead.plans.commit({ planId })).toMatchObject({ created: 151 })
})

test('tasks that an older version staged without an id are published', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 150)
  await server.parts.store.transact({ project: await projectOf(lead) }, ({ db, t }) =>
    db.update(t.planRows).set({ taskId: null }),
  )
  expect(await lead.plans.commit({ planId })).toMatchObject({ created: 150 })
})

test('two plans that are published at the same time share a task that both name', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const stage = async (child: string) => {
    const { planId } = await lead.plans.begin({ name: 'plan' })
    const tasks = [
      { type: 'epic', externalId: 'epic' },
      { type: 'code', externalId: child, parentId: 'epic' },
    ]
    await lead.plans.add({ planId, tasks })
    return planId
  }
  const plans = [await stage('a'), await stage('b')]
  await Promise.all(plans.map((planId) => lead.plans.commit({ planId })))
  const { id } = await lead.tasks.get({ taskId: 'epic' })
  const children = await Promise.all(['a', 'b'].map((taskId) => lead.tasks.get({ taskId })))
  expect(children.map(({ parentId }) => parentId)).toEqual([id, id])
})

test('a commit gets the counts of a plan that the server has published meanwhile', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 3)
  await stopAtStart(server, await projectOf(lead))
  await server.advance(40_000)
  expect(await lead.plans.commit({ planId })).toMatchObject({ created: 3 })
})

test('a plan that cannot be published does not keep those of other projects waiting', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const lead = server.connect()
  const { planId: refused } = await lead.plans.begin({ name: 'refused' })
  await lead.plans.add({ planId: refused, tasks: [{ type: 'code', externalId: 'a', assignedTo: 'nobody' }] })
  await lead.projects.create({ name: 'other' })
  const other = server.connect({ project: 'other' })
  const { planId } = await other.plans.begin({ name: 'plan' })
  await other.plans.add({ planId, tasks: [{ type: 'code', externalId: 'a' }] })
  await stopAtStart(server, await projectOf(lead))
  await expect(server.advance(40_000)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect((await other.events.list({ types: ['plan.committed'] })).events).toMatchObject([{ subject: planId }])
})

test('a plan that the server cannot publish is read again after ten minutes', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 1)
  await lead.plans.add({ planId, tasks: [{ type: 'code', externalId: 'last', assignedTo: 'nobody' }] })
  const project = await projectOf(lead)
  await stopAtStart(server, project)
  await letPass(server, project, { ms: 40_000, created: 1 })
  const sweep = () => runSweep(server.parts, continuePlans)
  await expect(sweep()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await letPass(server, project, { ms: 599_000 })
  await sweep()
  await letPass(server, project, { ms: 1_000 })
  await expect(sweep()).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('the error of a later step does not say that nothing was applied', async () => {
  await using server = await TestServer.start()
  const { lead, planId } = await stagePlan(server, 100)
  const project = await projectOf(lead)
  const { store } = server.parts
  // Aborts the plan from another side once its first step is published.
  const stop = store.onNotification(({ topic }) => {
    if (topic !== 'tasks') return
    stop()
    void store.transact({ project, lane: 'urgent' }, ({ db, t }) => db.update(t.plans).set({ status: 'aborted' }))
  })
  const refused = await refusal(lead.plans.commit({ planId }))
  expect(refused).toMatchObject({ code: 'ILLEGAL_TRANSITION', applied: 'unknown' })
  const again = await refusal(lead.plans.commit({ planId }))
  expect(again).toMatchObject({ code: 'ILLEGAL_TRANSITION', applied: 'no' })
})

test('a sweep that publishes a plan ends before the next step once the server stops', async () => {
  await using server = await TestServer.start()
  const { lead } = await stagePlan(server, size)
  const project = await projectOf(lead)
  await stopAtStart(server, project)
  await letPass(server, project, { ms: 40_000 })
  const stopped = new AbortController()
  server.parts.store.onNotification(({ topic }) => topic === 'tasks' && stopped.abort())
  await expect(runSweep(server.parts, continuePlans, stopped.signal)).rejects.toThrow('abort')
  const published = (await lead.system.metrics()).tasks.byStatus.pending ?? 0
  expect(published).toBeGreaterThan(0)
  expect(published).toBeLessThan(size)
})

test('a plan of more than 100,000 tasks, or with more than 32 Mi characters of names, is refused by name', () => {
  const tooLarge = expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', applied: 'no' })
  expect(() => requirePlanFits(100_000, 33_554_432)).not.toThrow()
  expect(() => requirePlanFits(100_001, 0)).toThrow(tooLarge)
  expect(() => requirePlanFits(1, 33_554_433)).toThrow(tooLarge)
})

test('the next step takes about ten milliseconds, and a step that a busy machine delays changes little', () => {
  const sizesAfter = (...times: readonly number[]) => {
    const size = new StepSize()
    return times.map((msPerTask) => {
      size.add(size.current, size.current * msPerTask)
      return Math.round(size.current)
    })
  }
  expect(sizesAfter(0.1, 0.1, 0.1)).toEqual([80, 100, 100])
  expect(sizesAfter(0.1, 0.1, 5, 5, 0.1)).toEqual([80, 100, 95, 91, 100])
  expect(sizesAfter(0.0001, 0.0001, 0.0001, 0.0001, 0.0001)).toEqual([80, 160, 320, 400, 400])
  expect(sizesAfter(5)).toEqual([20])
})

test('a task that an older version has staged gets the fields that it had no words for', () => {
  const { waitsFor, onChildrenEnd, title } = parsePlanned('{"externalId":"a","type":"code","title":"old"}')
  expect([waitsFor, onChildrenEnd, title]).toEqual([[], 'claim', 'old'])
})
