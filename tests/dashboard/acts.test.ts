import type { Client } from '@tony/mcp-client'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestAgent, TestServer } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'

const hourMs = 3_600_000

describe.skipIf(!chromium)('an operator at the dashboard', () => {
  let server: TestServer
  let lead: Client
  let agent: TestAgent
  let dashboard: DashboardPage

  beforeAll(async () => {
    server = await TestServer.start({ clock: systemClock, config: { agentTimeoutMs: hourMs } })
    lead = server.connect()
    agent = await server.agent('worker')
  })
  beforeEach(async () => {
    dashboard = await DashboardPage.open(chromium ?? { program: '', env: {} }, server.url, {
      viewport: { width: 1_900, height: 900 },
    })
  })
  afterEach(async () => {
    expect(dashboard.problems).toEqual([])
    await dashboard[Symbol.asyncDispose]()
  })
  afterAll(async () => {
    await closeBrowsers()
    await server[Symbol.asyncDispose]()
  })

  /** Creates a task, and claims it if its agent has to do something first. */
  const create = (title: string, more: object = {}) => lead.tasks.create({ type: 'code', title, ...more })
  const claim = async (taskId: string) => {
    const { tasks } = await agent.tasks.claim({ limit: 10, leaseMs: hourMs })
    const leased = tasks.find(({ id }) => id === taskId)
    return { taskId, leaseToken: leased?.leaseToken ?? '' }
  }

  test('answers a question with one of its options, and the next attempt gets it', async () => {
    const { id } = await create('ask me', { priority: 'critical' })
    const lease = await claim(id)
    await dashboard.visit('/')
    await dashboard.page.getByText('Nothing waits for you').waitFor()
    await agent.tasks.requestInput({ ...lease, question: 'Which port?', options: ['80', '443'] })
    await dashboard.page.getByText('Which port?').waitFor()
    await dashboard.page.getByRole('button', { name: '443', exact: true }).click()
    await dashboard.page.getByText('Nothing waits for you').waitFor()
    expect((await lead.tasks.get({ taskId: id })).input).toMatchObject({ question: 'Which port?', answer: '443' })
    await lead.tasks.cancel({ taskId: id })
  })

  test('rejects a result with a note, and accepts the next one by a drag to its column', async () => {
    const { id } = await create('review me', { priority: 'critical', acceptance: 'verify' })
    await agent.tasks.complete(await claim(id))
    await dashboard.visit('/')
    await dashboard.page.getByRole('textbox', { name: 'Note on review me' }).fill('no tests')
    await dashboard.page.getByRole('button', { name: 'Reject' }).click()
    await dashboard.page.getByText('The task is back in the queue').waitFor()
    expect((await lead.tasks.get({ taskId: id })).review).toMatchObject({ accept: false, note: 'no tests' })
    await agent.tasks.complete(await claim(id))
    await dashboard.visit('/tasks?view=board')
    const column = (name: string) => dashboard.page.getByRole('region', { name, exact: true })
    await column('in review').getByRole('listitem').dragTo(column('completed'))
    await dashboard.page.getByText('The result is accepted.').waitFor()
    expect((await lead.tasks.get({ taskId: id })).status).toBe('completed')
  })

  test('redrives a dead letter after its reason is shown', async () => {
    const { id } = await lead.messages.send({ to: 'worker', type: 'note', payload: { text: 'hello' } })
    const [delivery] = (await agent.messages.receive({})).messages
    await agent.messages.term({ messageId: id, receipt: delivery?.receipt ?? '', error: 'poison' })
    await dashboard.visit('/')
    await dashboard.page.getByText('poison').waitFor()
    await dashboard.page.getByRole('button', { name: 'Redrive' }).click()
    await dashboard.page.getByText('The message is in the inbox again.').waitFor()
    expect(await lead.messages.get({ messageId: id })).toMatchObject({ status: 'pending', redrives: 1 })
  })

  const bury = async (to: TestAgent, sender: Client = lead) => {
    const { id } = await sender.messages.send({ to: to.id, type: 'note', payload: {} })
    const received = (await to.messages.receive({ limit: 100 })).messages.find((message) => message.id === id)
    await to.messages.term({ messageId: id, receipt: received?.receipt ?? '', error: 'poison' })
    return id
  }

  test('deletes the dead letters of the count at the click, and no later ones', async () => {
    await bury(agent)
    await dashboard.visit('/messages?status=dead')
    const button = (name: string) => dashboard.page.getByRole('button', { name })
    await button('Redrive or delete these …').click()
    await button('Delete 1').waitFor()
    await button('Leave them').click()
    await bury(agent)
    await button('Redrive or delete these …').click()
    await button('Delete 2').waitFor()
    const late = await bury(agent)
    await button('Delete 2').click()
    await dashboard.page.getByText('The dead letters are deleted.').waitFor()
    const { deadLetters } = await lead.messages.deadLetters.list({})
    expect(deadLetters.map(({ id }) => id)).toEqual([late])
    await lead.messages.deadLetters.purge({ filter: {} })
  })

  test('acts on the dead letters to an agent, which are the listed ones', async () => {
    const peer = await server.agent('peer')
    await bury(peer, agent)
    await bury(agent)
    await dashboard.visit(`/messages?status=dead&agent=${agent.id}`)
    const cards = dashboard.page.getByRole('list', { name: 'Messages' }).getByRole('listitem')
    await cards.filter({ hasText: /→ worker/ }).waitFor()
    expect(await cards.count()).toBe(1)
    await dashboard.page.getByRole('button', { name: 'Redrive or delete these …' }).click()
    await dashboard.page.getByRole('button', { name: 'Delete 1' }).waitFor()
    await lead.messages.deadLetters.purge({ filter: {} })
  })

  test('cancels the tasks of a filter after a count that changes nothing', async () => {
    const tasks = Array.from({ length: 230 }, (_, n) => ({ type: 'code', epic: 'bulk', title: `bulk ${n}` }))
    await lead.tasks.createMany({ tasks: tasks.slice(0, 100) })
    await lead.tasks.createMany({ tasks: tasks.slice(100, 200) })
    await lead.tasks.createMany({ tasks: tasks.slice(200) })
    await dashboard.visit('/tasks?epic=bulk')
    await dashboard.page.getByRole('button', { name: 'Cancel these …' }).click()
    const confirm = dashboard.page.getByRole('button', { name: 'Cancel 230 tasks' })
    await confirm.waitFor()
    expect((await lead.tasks.list({ epic: 'bulk', status: 'cancelled' })).tasks).toEqual([])
    await confirm.click()
    await dashboard.page.getByText('The tasks are cancelled.').waitFor()
    expect((await lead.tasks.list({ epic: 'bulk', status: 'pending' })).tasks).toEqual([])
    await dashboard.page.getByRole('row', { name: /bulk 3 cancelled/ }).waitFor()
  })

  test('finds a held task among the stuck ones, with its reason, and lifts the hold on its page', async () => {
    const { id } = await create('held', { hold: 'the lawyers ask for it' })
    await dashboard.visit('/')
    await dashboard.page.getByText('the lawyers ask for it').waitFor()
    await dashboard.page.getByRole('link', { name: 'held' }).click()
    await dashboard.page.getByRole('button', { name: 'Unhold' }).click()
    await dashboard.page.getByText('The hold is lifted.').waitFor()
    expect((await lead.tasks.get({ taskId: id })).hold).toBeNull()
    await lead.tasks.cancel({ taskId: id })
  })

  test('leaves the text that is typed for one task on its page', async () => {
    const one = await create('one')
    const other = await create('other')
    const reason = dashboard.page.getByRole('textbox', { name: 'Reason' })
    const open = async ({ id, title }: { readonly id: string; readonly title: string | null }) => {
      await dashboard.visit(`/tasks/${id}`)
      await dashboard.page.getByRole('heading', { name: title ?? '', exact: true }).waitFor()
    }
    await open(other)
    await open(one)
    await reason.fill('for this task alone')
    await open(other)
    expect(await reason.inputValue()).toBe('')
    for (const { id } of [one, other]) await lead.tasks.cancel({ taskId: id })
  })

  test('sees no event of the filter that was chosen before', async () => {
    const { page } = dashboard
    const frames: string[] = []
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))))
    const { id: earlier } = await create('seen before')
    await page.clock.install()
    await dashboard.visit('/feed?type=task.created')
    const rows = page.getByRole('rowheader', { name: 'task.created' })
    await rows.first().waitFor()
    // No frame of the page is drawn from here on, so that the next event waits for one.
    await page.clock.pauseAt(Date.now() + 5_000)
    const { id } = await create('seen by the feed of the page and by the tail')
    await expect.poll(() => frames.filter((frame) => frame.includes(id)).length, { timeout: 60_000 }).toBe(2)
    await dashboard.visit('/feed?type=agent.draining')
    await page.getByText('No event matches yet').waitFor()
    await page.clock.runFor(5_000)
    await page.clock.resume()
    await page.getByText('No event matches yet').waitFor()
    expect(await rows.count()).toBe(0)
    for (const taskId of [earlier, id]) await lead.tasks.cancel({ taskId })
  })

  test('sends a message, and sees it pending', async () => {
    await dashboard.visit('/messages')
    const { page } = dashboard
    await page.getByText('Send a message').click()
    await page.getByRole('combobox', { name: 'To' }).fill('worker')
    await page.getByRole('textbox', { name: 'Text' }).fill('look at the log')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.getByRole('listitem').filter({ hasText: 'look at the log' }).getByText('pending').waitFor()
  })

  test('opens a page, a task and an epic from the keyboard', async () => {
    const { id } = await create('by id', { epic: 'keys' })
    await dashboard.visit('/')
    const { keyboard } = dashboard.page
    await dashboard.page.getByRole('heading', { name: 'Needs you' }).waitFor()
    await keyboard.press('g')
    await keyboard.press('f')
    await dashboard.page.getByRole('heading', { name: 'Fleet' }).waitFor()
    await keyboard.press('Control+k')
    await dashboard.page.getByRole('combobox').fill(id)
    await keyboard.press('Enter')
    await dashboard.page.getByRole('heading', { name: 'by id' }).waitFor()
    await keyboard.press('/')
    await dashboard.page.getByRole('combobox').fill('keys')
    await dashboard.page.getByRole('option', { name: /Tasks of the epic keys/ }).click()
    await dashboard.page.getByRole('row', { name: /by id/ }).waitFor()
  })
})
