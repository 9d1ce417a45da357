import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'
import { createFleet, type Fleet } from './fleet.ts'

const hourMs = 3_600_000

/** The pages by their path, with a text of the fleet that each shows. */
const pages = [
  { path: '/', heading: 'Needs you', shows: 'Note 60' },
  { path: '/fleet', heading: 'Fleet', shows: 'agent-49' },
  { path: '/tasks', heading: 'Tasks', shows: 'Part 1 of the shop' },
  { path: '/plan', heading: 'Plan', shows: 'release' },
  { path: '/plan?epic=release', heading: 'Plan of release', shows: 'Part 902 of the shop' },
  { path: '/messages', heading: 'Messages', shows: 'Note 50' },
  { path: '/feed', heading: 'Feed', shows: 'message.dead' },
  { path: '/locks', heading: 'Locks and pools', shows: 'file:src/part-4' },
  { path: '/throughput', heading: 'Throughput', shows: 'Pending tasks by priority' },
  { path: '/access', heading: 'Access', shows: 'agent-49' },
  { path: '/connect', heading: 'Connect', shows: 'agent-49' },
  { path: '/system', heading: 'System', shows: 'Version' },
] as const

describe.skipIf(!chromium)('the dashboard of a fleet of 50 agents', () => {
  let server: TestServer
  let fleet: Fleet

  beforeAll(async () => {
    server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs, devRole: 'admin' } })
    fleet = await createFleet(server)
  })
  afterAll(async () => {
    await closeBrowsers()
    await server[Symbol.asyncDispose]()
  })

  const open = () => DashboardPage.open(chromium ?? { program: '', env: {} }, server.url)

  test.each(pages)('shows $path with its heading and the fleet, and axe finds nothing', async (entry) => {
    await using dashboard = await open()
    await dashboard.visit(entry.path)
    const { page } = dashboard
    await page.getByRole('heading', { level: 1, name: entry.heading, exact: true }).waitFor()
    await page.getByRole('main').getByText(entry.shows).filter({ visible: true }).first().waitFor()
    expect(dashboard.problems).toEqual([])
    const tree = await page.locator('body').ariaSnapshot()
    expect(tree).toMatch(/- navigation "Pages":\n +- list:/)
    expect(tree).toMatch(new RegExp(`- main:\\n(.*\\n)*? +- heading "${entry.heading}" \\[level=1\\]`))
    expect(tree.match(/\[level=1\]/g)).toHaveLength(1)
    expect(await dashboard.accessibilityProblems()).toEqual([])
    await dashboard.picture(entry.heading.toLowerCase().replaceAll(' ', '-'))
  })

  test('shows a task that waits for a lock, and the task that holds it', async () => {
    await using dashboard = await open()
    await dashboard.visit(`/tasks/${fleet.ids.waiting}`)
    await dashboard.page.getByText(/it needs file:src\/part-4/).waitFor()
    expect(dashboard.problems).toEqual([])
    expect(await dashboard.accessibilityProblems()).toEqual([])
  })
})
