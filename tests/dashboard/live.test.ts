import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { TestServer, type TestServerOptions } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'

const hourMs = 3_600_000
const none = { program: '', env: {} }

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
