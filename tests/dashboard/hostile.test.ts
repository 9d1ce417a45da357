import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'
import { createFleet, type Fleet } from './fleet.ts'

const hourMs = 3_600_000

/** The id of the element that a text would create if a page read it as HTML. */
const mark = 'injected'
const html = `<b id="${mark}">x</b>`

/** Texts that show if a page reads one as HTML, as a script, as a template or as an address. */
const texts = [
  `</script></title>${html}`,
  `<img src="assets/none.png" onerror="document.title='${mark}'">`,
  `"><svg onload="document.title='${mark}'">`,
  `javascript:document.title='${mark}'`,
  `{{constructor.constructor("document.title='${mark}'")()}}`,
  `\${document.title='${mark}'}`,
  `<a href="javascript:document.title='${mark}'">${html}</a>`,
  `<style>body{display:none}</style>`,
  '\u202eright to left \u2066and isolated',
  `[link](javascript:document.title='${mark}') <!-- ${html} -->`,
]
const textOf = (n: number): string => texts[n % texts.length] ?? html

const paths = [
  '/',
  '/fleet',
  '/tasks',
  '/plan',
  '/messages',
  '/feed',
  '/locks',
  '/throughput',
  '/access',
  '/connect',
  '/system',
]

describe.skipIf(!chromium)('with hostile texts in every field of an agent', () => {
  let server: TestServer
  let fleet: Fleet

  beforeAll(async () => {
    server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs, devRole: 'admin' } })
    fleet = await createFleet(server, 14, {
      title: (n) => `${n} ${textOf(n)}`,
      text: (n) => `${n} ${textOf(n)} ${html}`,
      // The name of an agent has no colon and no asterisk.
      name: (n) => `${n} ${textOf(n).replaceAll(/[:*]/g, ' ')}`.trim(),
      word: (word) => `${html} ${word}`,
    })
  })
  afterAll(async () => {
    await closeBrowsers()
    await server[Symbol.asyncDispose]()
  })

  /** Requires that the page shows texts as texts. */
  async function expectOnlyText(path: string): Promise<void> {
    await using dashboard = await DashboardPage.open(chromium ?? { program: '', env: {} }, server.url)
    const { page } = dashboard
    await dashboard.visit(path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    if (!['/', '/throughput', '/connect', '/system'].includes(path))
      await page.getByRole('main').getByText(html).filter({ visible: true }).first().waitFor()
    expect(await page.locator(`#${mark}`).count()).toBe(0)
    expect(await page.locator('a[href^="javascript" i], main img, main style, main script').count()).toBe(0)
    expect(await page.title()).toBe('Tony MCP')
    expect(dashboard.problems).toEqual([])
  }

  test.each(paths)('%s shows them as text, and runs and loads nothing', expectOnlyText)

  test.each(['running', 'question', 'review', 'failed', 'waiting'] as const)(
    'the page of a task that is %s shows them as text',
    (kind) => expectOnlyText(`/tasks/${fleet.ids[kind]}`),
  )

  test('the tree and the graph of a plan show them as text', async () => {
    await expectOnlyText(`/plan?taskId=${fleet.ids.root}`)
    await expectOnlyText(`/plan?taskId=${fleet.ids.root}&view=graph`)
  })
})
