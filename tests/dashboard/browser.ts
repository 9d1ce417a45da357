import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from 'playwright-core'
import type { Chromium } from './chromium.ts'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The rules of axe: WCAG 2.2 at level AA, and its rules for good practice. */
const axeTags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const launches = new Map<string, Promise<Browser>>()

/** A page of the dashboard in Chromium, with what went wrong in it. */
export class DashboardPage implements AsyncDisposable {
  readonly page: Page
  readonly #base: string
  readonly #problems: string[] = []

  private constructor(page: Page, base: string) {
    this.page = page
    this.#base = base
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.#problems.push(`console: ${message.text()}`)
    })
    page.on('pageerror', (error) => this.#problems.push(`error: ${error.message}`))
    page.on('requestfailed', (request) => this.#problems.push(`request: ${request.url()} failed`))
    page.on('request', (request) => this.#checkOrigin(request.url()))
    page.on('websocket', (socket) => this.#checkOrigin(socket.url().replace(/^ws/, 'http')))
  }

  static async open(chromium: Chromium, base: string, options: BrowserContextOptions = {}): Promise<DashboardPage> {
    const browser = await launch(chromium)
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    context.setDefaultTimeout(60_000)
    return new DashboardPage(await context.newPage(), base)
  }

  /** Goes to a path of the dashboard, such as `/tasks`. */
  async visit(path: string): Promise<void> {
    await this.page.goto(`${this.#base}/#${path}`)
  }

  /** Writes the page as an image of the docs, if `SCREENSHOTS` is 1. */
  async picture(name: string): Promise<void> {
    if (process.env['SCREENSHOTS'] !== '1') return
    await this.page.screenshot({
      path: fileURLToPath(new URL(`../../docs/images/dashboard-${name}.png`, import.meta.url)),
    })
  }

  /** Console errors, failed requests and requests to another origin, since the page was opened. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** Returns what axe finds on the page, as one line for each element. */
  async accessibilityProblems(): Promise<string[]> {
    // An evaluated script is no script of the page, so the policy of the page stays in force.
    await this.page.evaluate(axeSource)
    const results: AxeResults = await this.page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(axeTags)}, resultTypes: ['violations'] })`,
    )
    return results.violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target.join(' ')}: ${failureSummary}`),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close()
  }

  #checkOrigin(url: string): void {
    if (!url.startsWith(this.#base) && !url.startsWith('data:')) this.#problems.push(`foreign request: ${url}`)
  }
}

/** Starts one browser for all pages of a test file. */
function launch({ program, env }: Chromium): Promise<Browser> {
  const running = launches.get(program)
  if (running) return running
  const launching = playwright.launch({ executablePath: program, env: { ...process.env, ...env } })
  launches.set(program, launching)
  return launching
}

/** Ends the browsers. The worker of the tests would otherwise wait for them. */
export async function closeBrowsers(): Promise<void> {
  const running = [...launches.values()]
  launches.clear()
  await Promise.all(running.map(async (browser) => (await browser).close()))
}
