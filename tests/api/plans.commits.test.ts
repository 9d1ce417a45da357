import type { Client } from '@tony/mcp-client'
import { continuePublication } from '@tony/mcp-server/domain/plans/continue'
import { endPublication } from '@tony/mcp-server/domain/plans/record-publication'
import type { Store } from '@tony/mcp-server/store/store'
import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'

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
  return storeWith(store, transact, () => isRepeated)
}

/** The store with another `transact`, in which another operation waits if `isBusy` says so. */
function storeWith(store: Store, transact: Store['transact'], isBusy: () => boolean): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transact') return transact
      if (name === 'queueState') return { urgent: idle, normal: { ageMs: 0, waiting: isBusy() ? 1 : 0 }, bulk: idle }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function beginPublication(lead: Client, store: Store, planId: string) {
  const project = (await lead.projects.list()).projects[0]?.id ?? ''
  await store.transact({ project }, ({ db, t }) =>
    db.update(t.plans).set({ status: 'committing' }).where(eq(t.plans.id, planId)),
  )
  const publication = { planId, authorship: { project, createdBy: null } }
  const end = () => store.transact({ project }, (tx) => endPublication(tx, publication))
  return { scope: { project, lane: 'bulk' }, publication, end } as const
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
  const continuation = await beginPublication(lead, store, planId)
  const published = await continuePublication({ ...continuation, store: repeatingStore(store) })
  expect(published).toMatchObject({ created: size })
  expect((await lead.system.metrics()).tasks.byStatus.pending).toBe(size)
  expect((await lead.events.list({ types: ['task.created'], limit: 500 })).events).toHaveLength(500)
})

test('a wait that a cycle leaves out outlives a stop between two commits of a plan', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { store } = server.parts
  const { planId } = await lead.plans.begin({ name: 'plan' })
  const task = { type: 'code' }
  const others = Array.from({ length: 100 }, (_, index) => ({ ...task, externalId: `t${index}` }))
  const family = [
    { ...task, externalId: 'between', dependsOn: ['child'] },
    { ...task, externalId: 'gate', dependsOn: ['between'] },
    { ...task, externalId: 'root', dependsOn: ['gate'] },
  ]
  await lead.plans.add({ planId, tasks: [{ ...task, externalId: 'child', parentId: 'root' }, ...others, ...family] })
  const continuation = await beginPublication(lead, store, planId)
  const stopped = new AbortController()
  const once: Store['transact'] = async (scope, work) => {
    const result = await store.transact(scope, work)
    stopped.abort()
    return result
  }
  const first = { ...continuation, store: storeWith(store, once, () => true), signal: stopped.signal }
  await expect(continuePublication(first)).rejects.toThrow('abort')
  const { id: child } = await lead.tasks.get({ taskId: 'child' })
  expect(await refusal(lead.tasks.get({ taskId: 'gate' }))).toMatchObject({ code: 'NOT_FOUND' })
  await continuePublication({ ...continuation, store })
  const statusOfChild = async () => (await lead.tasks.get({ taskId: child })).status
  expect(await statusOfChild()).toBe('pending')
  const { id: gate, revision } = await lead.tasks.get({ taskId: 'gate' })
  await lead.tasks.update({ taskId: gate, expectedRevision: revision, dependsOn: [] })
  expect(await statusOfChild()).toBe('blocked')
})
