/**
 * Measures the dashboard in Chromium: `npm run bench:dashboard`. The server is a process of its own
 * with `--tasks` tasks. It prints the first paint, the frame times of a scroll through the tasks,
 * the time from the commit of an event to its row on the page Feed, and the CPU time of the server
 * for each event and dashboard: with `--dashboards` pages open beside none, in alternating rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Client, createClient } from '@tony/mcp-client'
import { closeBrowsers, DashboardPage } from '../tests/dashboard/browser.ts'
import { chromium } from '../tests/dashboard/chromium.ts'
import { RestartingServer } from '../tests/support/restarting.ts'
import { cpuSecondsOf } from './processes.ts'
import { median, percentile } from './statistics.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    events: { type: 'string', default: '2000' },
    dashboards: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
  },
})
const [tasks, events, dashboards, rounds] = [values.tasks, values.events, values.dashboards, values.rounds].map(Number)

/** Number of calls that are open at a time, and of tasks of one call. */
const [concurrency, bulk] = [20, 200]

async function addTasks(lead: Client, count: number): Promise<void> {
  for (let from = 0; from < count; from += bulk)
    await lead.tasks.createMany({
      tasks: Array.from({ length: Math.min(bulk, count - from) }, (_, n) => ({
        type: 'code',
        title: `Task ${from + n}`,
      })),
    })
}

/** Creates tasks one by one, as agents do. */
async function createEvents(lead: Client, count: number): Promise<void> {
  let left = count
  const work = async () => {
    for (; left > 0; ) {
      left -= 1
      await lead.tasks.create({ type: 'code', title: `Event ${left}` })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

/** Scrolls the rows to their end, one step a frame, and returns the times of the frames. */
const scrollScript = `(async () => {
  const rows = document.querySelector('[aria-label="Rows of tasks"]')
  const frames = []
  let last = performance.now()
  const end = last + 20_000
  let still = 0
  while (performance.now() < end && still < 60) {
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    frames.push(now - last)
    last = now
    const before = rows.scrollTop
    rows.scrollTop += 400
    still = rows.scrollTop === before ? still + 1 : 0
  }
  return { frames, rows: Math.round(rows.scrollHeight / 36) }
})()`

async function measureScroll(url: string): Promise<void> {
  await using dashboard = await DashboardPage.open(requireChromium(), url)
  await dashboard.visit('/tasks')
  await dashboard.page.getByText('Task 0', { exact: true }).first().waitFor()
  const paint: number = await dashboard.page.evaluate(
    "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN",
  )
  const { frames, rows }: { frames: number[]; rows: number } = await dashboard.page.evaluate(scrollScript)
  const sorted = frames.toSorted((a, b) => a - b)
  const late = frames.filter((ms) => ms > 25).length / frames.length
  console.log(`first paint: ${paint.toFixed(0)} ms`)
  console.log(
    `scroll through ${rows} rows: ${frames.length} frames, median ${median(frames).toFixed(1)} ms, p95 ${percentile(sorted, 0.95).toFixed(1)} ms, ${(100 * late).toFixed(1)} % above 25 ms`,
  )
}

/** Records the time at which each event number is first drawn. */
const watchScript = `(() => {
  globalThis.drawnAt = {}
  new MutationObserver(() => requestAnimationFrame(() => {
    for (const cell of document.querySelectorAll('main tbody tr td:first-child'))
      globalThis.drawnAt[cell.textContent] ??= Date.now()
  })).observe(document.querySelector('main'), { childList: true, subtree: true })
})()`

async function measureLatency(url: string, lead: Client): Promise<void> {
  await using dashboard = await DashboardPage.open(requireChromium(), url)
  await dashboard.visit('/feed')
  await dashboard.page.getByRole('table').waitFor()
  await dashboard.page.evaluate(watchScript)
  const committed = new Map<string, number>()
  const subscription = lead.events.subscribe({ types: ['task.created'] })
  const watching = (async () => {
    for await (const { seq, at, type } of subscription)
      if (type === 'task.created') committed.set(String(seq), Date.parse(at))
  })()
  for (let n = 0; n < 200; n += 1) {
    await lead.tasks.create({ type: 'code', title: `Seen ${n}` })
    await wait(20)
  }
  await wait(2_000)
  subscription.close()
  await watching
  const drawnAt: Record<string, number> = await dashboard.page.evaluate('globalThis.drawnAt')
  const ms = [...committed].flatMap(([seq, at]) => (drawnAt[seq] === undefined ? [] : [drawnAt[seq] - at]))
  const sorted = ms.toSorted((a, b) => a - b)
  console.log(
    `event to pixel: ${ms.length} of ${committed.size} events, median ${median(ms)} ms, p95 ${percentile(sorted, 0.95)} ms`,
  )
}

async function measureCost(url: string, lead: Client, pid: number): Promise<void> {
  const cpuPerEvent = async (): Promise<number> => {
    const before = cpuSecondsOf([pid])
    await createEvents(lead, events ?? 0)
    await wait(1_000)
    return ((cpuSecondsOf([pid]) - before) * 1e6) / (events ?? 1)
  }
  await cpuPerEvent()
  const [alone, beside]: [number[], number[]] = [[], []]
  for (let round = 0; round < (rounds ?? 1); round += 1) {
    alone.push(await cpuPerEvent())
    const pages: DashboardPage[] = []
    for (let n = 0; n < (dashboards ?? 0); n += 1) {
      const page = await DashboardPage.open(requireChromium(), url)
      pages.push(page)
      await page.visit('/fleet')
      await page.page.getByRole('heading', { level: 1 }).waitFor()
    }
    await wait(1_000)
    beside.push(await cpuPerEvent())
    for (const page of pages) await page[Symbol.asyncDispose]()
    await wait(1_000)
  }
  const cost = (median(beside) - median(alone)) / (dashboards ?? 1)
  console.log(
    `CPU time of the server: ${median(alone).toFixed(0)} µs an event alone, ${median(beside).toFixed(0)} µs with ${dashboards} dashboards: ${cost.toFixed(1)} µs an event and dashboard`,
  )
}

function requireChromium() {
  if (!chromium) throw new Error('there is no Chromium: run scripts/install-chromium')
  return chromium
}

const folder = mkdtempSync(join(tmpdir(), 'tony-dashboard-'))
await using server = await RestartingServer.start({ DATABASE_PATH: join(folder, 'bench.db') })
const lead = createClient({ url: server.url })
try {
  console.log(`load average: ${loadavg()[0]?.toFixed(1)}`)
  await addTasks(lead, tasks ?? 0)
  await measureScroll(server.url)
  await measureLatency(server.url, lead)
  await measureCost(server.url, lead, server.pid)
} finally {
  lead.close()
  await closeBrowsers()
  rmSync(folder, { recursive: true, force: true })
}
