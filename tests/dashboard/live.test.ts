import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@tony/mcp-client'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { TestServer, type TestServerOptions } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'

const hourMs = 3_600_000
const none = { program: '', env: {} }

/** Creates tasks named by their number and returns their ids. */
async function createTasks(client: Client, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let from = 0; from < count; from += 100) {
    const size = Math.min(100, count - from)
    const tasks = Array.from({ length: size }, (_, n) => ({ type: 'code', title: `task ${from + n}` }))
    const created = await client.tasks.createMany({ tasks })
    ids.push(...created.tasks.map(({ id }) => id))
  }
  return ids
}

/** Frames of a connection that carry no call. */
const isSignOfLife = (frame: string): boolean => /^P[IO]NG$/.test(frame)

describe.skipIf(!chromium)('the live page', () => {
  afterAll(closeBrowsers)

  test('shows a claim, its progress and its end without a call', async () => {
    await using server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs } })
    const agent = await server.agent('worker')
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    const sent: string[] = []
    dashboard.page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => sent.push(String(payload)))
    })
    await dashboard.visit('/fleet')
    const row = dashboard.page.getByRole('row', { name: /worker/ })
    await row.getByText('idle').waitFor()
    const before = sent.filter((frame) => !isSignOfLife(frame)).length
    expect(before).toBeGreaterThan(0)

    const { id: taskId } = await server.connect().tasks.create({ type: 'code', title: 'a live task' })
    const [leased] = (await agent.tasks.claim({ leaseMs: hourMs })).tasks
    const lease = { taskId, leaseToken: leased?.leaseToken ?? '' }
    await row.getByRole('link', { name: 'a live task' }).waitFor()
    await row.getByText('active').waitFor()
    await agent.tasks.progress({ ...lease, percent: 70, message: 'nearly there' })
    await row.getByText('70 % nearly there').waitFor()
    await agent.tasks.complete(lease)
    await row.getByText('idle').waitFor()
    expect(sent.filter((frame) => !isSignOfLife(frame)).slice(before)).toEqual([])
    expect(dashboard.problems).toEqual([])
  })

  test('shows the events of another page on the way back', async () => {
    await using server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs } })
    const agent = await server.agent('worker')
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    const { id: taskId } = await server.connect().tasks.create({ type: 'code', title: 'seen before' })
    await dashboard.visit('/tasks')
    await dashboard.page.getByRole('row', { name: /seen before pending/ }).waitFor()
    await dashboard.visit('/fleet')
    const row = dashboard.page.getByRole('row', { name: /worker/ })
    const [leased] = (await agent.tasks.claim({ leaseMs: hourMs })).tasks
    await row.getByRole('link', { name: 'seen before' }).waitFor()
    await agent.tasks.complete({ taskId, leaseToken: leased?.leaseToken ?? '' })
    await row.getByText('idle').waitFor()
    await dashboard.visit('/tasks')
    await dashboard.page.getByRole('row', { name: /seen before completed/ }).waitFor()
  })

  test('keeps a change during the read of the next page', async () => {
    await using server = await TestServer.start({ clock: systemClock })
    const lead = server.connect()
    const [first] = await createTasks(lead, 201)
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    const { page } = dashboard
    const held = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    await page.routeWebSocket(/./, (socket) => {
      const toServer = socket.connectToServer()
      socket.onMessage(async (frame) => {
        if (/tasks.list.*cursor/.test(String(frame))) {
          held.resolve()
          await release.promise
        }
        toServer.send(frame)
      })
    })
    await dashboard.visit('/tasks')
    await page.getByText('200 tasks so far').waitFor()
    const rows = page.getByRole('region', { name: 'Rows of tasks' })
    await rows.press('End')
    await held.promise
    await rows.press('Home')
    await lead.tasks.cancel({ taskId: first ?? '' })
    const row = page.getByRole('row', { name: /task 0 cancelled/ })
    await row.waitFor()
    release.resolve()
    await page.getByText('201 tasks').waitFor()
    expect(await row.count()).toBe(1)
  })

  test('fills a drained column of the board again', async () => {
    await using server = await TestServer.start({ clock: systemClock })
    const lead = server.connect()
    const ids = await createTasks(lead, 45)
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    await dashboard.visit('/tasks?view=board')
    const column = dashboard.page.getByRole('region', { name: 'pending', exact: true })
    await column.getByRole('link', { name: 'task 29' }).waitFor()
    for (const taskId of ids.slice(0, 30)) await lead.tasks.cancel({ taskId })
    await column.getByRole('link', { name: 'task 44' }).waitFor()
    await column.getByRole('heading', { name: 'pending 15' }).waitFor()
  })

  test.each([
    { page: 'Fleet', pathOf: () => '/fleet' },
    { page: 'Locks', pathOf: () => '/locks' },
    { page: 'a task', pathOf: (taskId: string) => `/tasks/${taskId}` },
  ])('reads a lease that a heartbeat has extended silently on $page', async ({ pathOf }) => {
    await using server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: 24 * hourMs } })
    const agent = await server.agent('worker')
    const { id: taskId } = await server.connect().tasks.create({ type: 'code', title: 'long', locks: ['port:web'] })
    const [leased] = (await agent.tasks.claim({ leaseMs: hourMs })).tasks
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    await dashboard.page.clock.install()
    await dashboard.visit(pathOf(taskId))
    await dashboard.page
      .getByText(/^(1 h|59 min)/)
      .first()
      .waitFor()
    await dashboard.page.clock.fastForward(1.5 * hourMs)
    await dashboard.page.getByText('passed', { exact: true }).waitFor()
    await agent.tasks.extend({ taskId, leaseToken: leased?.leaseToken ?? '', leaseMs: 12 * hourMs })
    await dashboard.page.getByText('passed', { exact: true }).waitFor({ state: 'detached' })
  })

  test('counts the reviews again after the verdict of another person', async () => {
    await using server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs } })
    const lead = server.connect()
    const agent = await server.agent('worker')
    const { id: taskId } = await lead.tasks.create({ type: 'code', title: 'review me', acceptance: 'verify' })
    const [leased] = (await agent.tasks.claim({ leaseMs: hourMs })).tasks
    await agent.tasks.complete({ taskId, leaseToken: leased?.leaseToken ?? '' })
    await using dashboard = await DashboardPage.open(chromium ?? none, server.url)
    await dashboard.visit('/tasks?view=board')
    await dashboard.page.getByRole('heading', { name: 'in review 1' }).waitFor()
    await lead.tasks.verify({ taskId, accept: true })
    await dashboard.page.getByRole('heading', { name: 'in review 0' }).waitFor()
    await dashboard.page.getByRole('heading', { name: 'completed 1' }).waitFor()
  })

  test('shows since when the server is away, and every change when the server is back', async () => {
    const port = await freePort()
    const options: TestServerOptions = { clock: systemClock, config: { port, agentTimeoutMs: hourMs } }
    const folder = mkdtempSync(join(tmpdir(), 'tony-live-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const first = await TestServer.start({ ...options, folder })
    await using dashboard = await DashboardPage.open(chromium ?? none, first.url)
    await dashboard.visit('/tasks')
    await dashboard.page.getByText('No task matches').waitFor()
    await dashboard.page.getByText(/^live/).waitFor()
    await first.stop()
    await dashboard.page.getByText(/^reconnecting since/).waitFor()
    await using second = await TestServer.start({ ...options, folder })
    await second.connect().tasks.create({ type: 'code', title: 'after the restart' })
    await dashboard.page.getByRole('link', { name: 'after the restart' }).waitFor()
    await dashboard.page.getByText(/^live/).waitFor()
  })
})
