import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'

describe.skipIf(!chromium)('a person at a server in serve mode', () => {
  let guarded: Guarded
  beforeAll(async () => {
    guarded = await Guarded.start()
  })
  afterAll(async () => {
    await closeBrowsers()
    await guarded[Symbol.asyncDispose]()
  })

  const open = () => DashboardPage.open(chromium ?? { program: '', env: {} }, guarded.server.url)

  test('needs a key: a wrong one is refused with the next step, and a right one lasts until the tab ends', async () => {
    await using dashboard = await open()
    const { page } = dashboard
    await dashboard.visit('/')
    const field = page.getByLabel('API key')
    await field.fill('tck_wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('Check the key').waitFor()
    expect(await dashboard.accessibilityProblems()).toEqual([])
    await field.fill(guarded.adminKey)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Needs you' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Needs you' }).waitFor()
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('tck_')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await field.waitFor()
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toContain('tck_')
  })

  test('shares a page by a link that reads and does nothing else, and no request has its key', async () => {
    await using admin = await open()
    await admin.page.goto(`${guarded.server.url}/#key=${guarded.adminKey}&to=/tasks`)
    await admin.page.getByRole('button', { name: 'Share' }).click()
    const link = await admin.page.getByRole('textbox', { name: 'Link' }).inputValue()
    expect(link).toMatch(/#key=tck_\w+&to=%2Ftasks$/)
    await guarded.server.connect({ token: guarded.adminKey }).tasks.create({ type: 'code', title: 'a task' })

    await using reader = await open()
    const requested: string[] = []
    reader.page.on('request', (request) => requested.push(request.url()))
    reader.page.on('websocket', (socket) => requested.push(socket.url()))
    await reader.page.goto(link)
    await reader.page.getByRole('link', { name: 'a task' }).click()
    await reader.page.getByRole('heading', { name: 'Why it is not running' }).waitFor()
    expect(requested.filter((url) => url.includes('tck_'))).toEqual([])
    expect(reader.page.url()).not.toContain('tck_')
    await reader.page.getByText('observer · read-only').waitFor()
    for (const act of ['Cancel', 'Hold', 'Share'])
      expect(await reader.page.getByRole('button', { name: act, exact: true }).count(), act).toBe(0)
    expect([...admin.problems, ...reader.problems]).toEqual([])
  })

  test('opens a link in a tab that has the page: its key counts, and the address loses it', async () => {
    const client = guarded.server.connect({ token: guarded.adminKey })
    const made = await client.auth.keys.create({ name: 'shared', scopes: ['*'], roleCeiling: 'observer' })
    await using dashboard = await open()
    const { page } = dashboard
    await page.goto(`${guarded.server.url}/#key=${guarded.adminKey}&to=/tasks`)
    await page.getByRole('button', { name: 'Share' }).waitFor()
    await page.goto(`${guarded.server.url}/#key=${made.key}&to=%2Ffleet`)
    await page.getByText('observer · read-only').waitFor()
    await page.getByRole('heading', { name: 'Fleet' }).waitFor()
    expect(page.url()).not.toContain('tck_')
    expect(dashboard.problems).toEqual([])
  })

  test('is told that the key of a broken link is wrong', async () => {
    await using dashboard = await open()
    await dashboard.page.goto(`${guarded.server.url}/#key=tck_%E0&to=%`)
    await dashboard.page.getByRole('alert').getByText('Check the key').waitFor()
    await dashboard.page.getByLabel('API key').waitFor()
    expect(dashboard.page.url()).not.toContain('tck_')
    expect(dashboard.problems.filter((problem) => problem.startsWith('error'))).toEqual([])
  })

  test('gets the reason when the key is revoked, and the form for another key', async () => {
    const client = guarded.server.connect({ token: guarded.adminKey })
    const made = await client.auth.keys.create({ name: 'soon revoked', scopes: ['*'], roleCeiling: 'observer' })
    await using dashboard = await open()
    await dashboard.page.goto(`${guarded.server.url}/#key=${made.key}&to=/`)
    await dashboard.page.getByRole('heading', { name: 'Needs you' }).waitFor()
    await client.auth.keys.revoke({ keyId: made.keyId })
    await dashboard.page.getByRole('alert').getByText('The server has ended this session: TOKEN_REVOKED').waitFor()
    await dashboard.page.getByLabel('API key').waitFor()
  })
})
