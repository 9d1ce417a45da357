import { continuePublication } from '@tony/mcp-server/domain/plans/continue'
import { endPublication } from '@tony/mcp-server/domain/plans/record-publication'
import type { Store } from '@tony/mcp-server/store/store'
import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

const size = 600
const idle = { ageMs: 0, waiting: 0 }

/**
 * The store as an engine has it that rolls each transaction back once and runs it again. While it
 * runs for the second time, another operation waits.
 */
function repeatingStore(store: Store): Store {
  let isRepeated = false
  const transact: Store['transact'] = async (scope, work) => {
    const rolledBack = new Error('rolled back')
    isRepeated = false
    const first = store.transact(scope, async (tx) => {
      await work(tx)
      throw rolledBack
    })
    await first.catch((error: unknown) => {
      if (error !== rolledBack) throw error
    })
    isRepeated = true
    return store.transact(scope, work)
  }
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transact') return transact
      if (name === 'queueState') return { urgent: idle, normal: { ageMs: 0, waiting: isRepeated ? 1 : 0 }, bulk: idle }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('a commit with several steps of a plan that runs again publishes each task once', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { store } = server.parts
  const { planId } = await lead.plans.begin({ name: 'plan' })
  for (let start = 0; start < size; start += 200) {
    const row = (index: number) => ({ type: 'code', externalId: `t${start + index}` })
    await lead.plans.add({ planId, tasks: Array.from({ length: 200 }, (_, index) => row(index)) })
  }
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  await store.transact({ project }, ({ db, t }) =>
    db.update(t.plans).set({ status: 'committing' }).where(eq(t.plans.id, planId)),
  )
  const publication = { planId, authorship: { project, createdBy: null } }
  const end = () => store.transact({ project }, (tx) => endPublication(tx, publication))
  const scope = { project, lane: 'bulk' } as const
  const published = await continuePublication({ store: repeatingStore(store), scope, publication, end })
  expect(published).toMatchObject({ created: size })
  expect((await lead.system.metrics()).tasks.byStatus.pending).toBe(size)
  expect((await lead.events.list({ types: ['task.created'], limit: 500 })).events).toHaveLength(500)
})
