import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestAgent, TestServer } from '../support/server.ts'
import { closeBrowsers, DashboardPage } from './browser.ts'
import { chromium } from './chromium.ts'

/** A trouble of a fleet, and the way to its reason. */
interface Trouble {
  readonly name: string
  readonly plant: (world: World) => Promise<unknown>
  /** The clicks from the first page, at most three. */
  readonly clicks: readonly ((page: Page) => Locator)[]
  /** The text that says what and why. */
  readonly answer: RegExp
}

interface World {
  readonly server: TestServer
  readonly lead: ReturnType<TestServer['connect']>
  readonly ada: TestAgent
  readonly bob: TestAgent
}

const link = (name: string) => (page: Page) => page.getByRole('navigation').getByRole('link', { name })

async function claim({ ada, lead }: World, locks: readonly string[] = []) {
  await lead.tasks.create({ type: 'code', title: 'Held work', assignedTo: ada.id, locks })
  await ada.tasks.claim({ leaseMs: 600_000 })
}

async function poison({ ada, bob }: World) {
  await ada.messages.send({ to: bob.id, type: 'poison', payload: {}, maxDeliver: 1 })
  const [message] = (await bob.messages.receive({})).messages
  await bob.messages.nak({ messageId: message?.id ?? '', receipt: message?.receipt ?? '', error: 'cannot parse it' })
}

/** Fills the inbox of an agent, so that the next message to everyone is a dead letter there. */
async function fillInbox({ server, lead, bob }: World) {
  const { maxPending } = server.parts.config
  for (let n = 0; n < maxPending; n += 1) await lead.messages.send({ to: bob.id, type: 'note', payload: {} })
  await lead.messages.send({ to: '*', type: 'note for all', payload: {} })
}

const troubles: readonly Trouble[] = [
  {
    name: 'a task that is held',
    plant: async ({ lead }) => {
      const { id } = await lead.tasks.create({ type: 'code', title: 'Release' })
      await lead.tasks.hold({ taskId: id, reason: 'the freeze is not over' })
    },
    clicks: [],
    answer: /holds it back since .* until tasks\.unhold: the freeze is not over/,
  },
  {
    name: 'a dead holder',
    plant: async (world) => {
      await claim(world)
      world.ada.close()
      await world.server.advance(31_000)
    },
    clicks: [link('Fleet')],
    answer: /^offline$/,
  },
  { name: 'a full inbox', plant: fillInbox, clicks: [], answer: /inbox full/ },
  { name: 'a poisoned message', plant: poison, clicks: [], answer: /cannot parse it/ },
  {
    name: 'a missing capability',
    plant: ({ lead }) => lead.tasks.create({ type: 'code', title: 'Port it', requires: ['cobol'] }),
    clicks: [],
    answer: /no live agent may take it: 2 of 2 lack a required capability/,
  },
  {
    name: 'a paused epic',
    plant: async ({ lead }) => {
      await lead.tasks.create({ type: 'code', title: 'Charge the card', epic: 'checkout' })
      await lead.agents.pause({ epic: 'checkout' })
    },
    clicks: [],
    answer: /the epic checkout is paused/,
  },
  {
    name: 'a revoked key',
    plant: async ({ lead }) => {
      const { keyId } = await lead.auth.keys.create({ name: 'night shift' })
      await lead.auth.keys.revoke({ keyId })
    },
    clicks: [link('Access')],
    answer: /^revoked$/,
  },
  {
    name: 'a fleet that waits for one lock',
    plant: async (world) => {
      const { lead, bob } = world
      await claim(world, ['file:src'])
      for (const title of ['One', 'Two']) await lead.tasks.create({ type: 'code', title, locks: ['file:src'] })
      await bob.tasks.claim({})
    },
    clicks: [link('Locks'), (page) => page.getByRole('link', { name: 'One' })],
    answer: /it needs file:src; task .* of ada holds it/,
  },
]

describe.skipIf(!chromium)('the dashboard answers what and why in at most three clicks:', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await TestServer.start({ config: { devRole: 'admin', maxPending: 5 } })
  })
  afterAll(async () => {
    await closeBrowsers()
    await server[Symbol.asyncDispose]()
  })

  test.each(troubles)('$name', async ({ name, plant, clicks, answer }) => {
    const admin = server.connect()
    const project = name.replaceAll(' ', '-')
    await admin.projects.create({ name: project })
    const lead = server.connect({ project })
    const register = async (agent: string): Promise<TestAgent> => {
      const clientInstanceId = `instance of ${agent} in ${project}`
      const reply = await lead.agents.register({ name: agent, type: 'implementation', clientInstanceId })
      return { ...server.connect({ token: reply.token }), ...reply, id: reply.agentId, name: agent, clientInstanceId }
    }
    await plant({ server, lead, ada: await register('ada'), bob: await register('bob') })
    await using dashboard = await DashboardPage.open(chromium ?? { program: '', env: {} }, server.url)
    const { page } = dashboard
    await page.addInitScript(
      `sessionStorage.setItem('tony-credential', ${JSON.stringify(JSON.stringify({ project }))})`,
    )
    await dashboard.visit('/')
    expect(clicks.length).toBeLessThanOrEqual(3)
    for (const click of clicks) await click(page).click()
    await page.getByRole('main').getByText(answer).filter({ visible: true }).first().waitFor()
    expect(dashboard.problems).toEqual([])
  })
})
