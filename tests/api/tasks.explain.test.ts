import { describe, expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf, tamper } from './given.ts'

describe('a task is explained', () => {
  test('with all agents, if any of them may claim it', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const { id } = await lead.tasks.create({ type: 'code' })
    expect(await lead.tasks.explain({ taskId: id })).toEqual({
      taskId: id,
      status: 'pending',
      claimable: true,
      reasons: [],
      agents: [{ agentId: ada.id, name: 'ada', eligible: true, excludedBy: [] }],
      truncated: false,
    })
  })

  test('by every predicate that excludes an agent, with the eligible agents first', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    for (const name of ['gone', 'left']) (await server.agent(name, { capabilities: ['ts'] })).close()
    await server.advance(31_000)
    const ts = { capabilities: ['ts'] }
    await server.agent('able', ts)
    await server.agent('draining', ts)
    await server.agent('looker-on', { ...ts, role: 'observer' })
    await server.agent('paused', ts)
    await server.agent('unable', { capabilities: ['rust'] })
    await lead.agents.drain({ agent: 'draining' })
    await lead.agents.pause({ agent: 'paused' })
    await lead.agents.unregister({ agent: 'left' })
    const { id } = await lead.tasks.create({ type: 'code', requires: ['ts'] })
    const { agents, claimable } = await lead.tasks.explain({ taskId: id })
    expect(claimable).toBe(true)
    expect(agents.map(({ name, excludedBy }) => [name, ...excludedBy])).toEqual([
      ['able'],
      ['draining', 'agent_draining'],
      ['gone', 'agent_offline'],
      ['looker-on', 'role'],
      ['paused', 'agent_paused'],
      ['unable', 'requires'],
    ])
    const assigned = await lead.tasks.create({ type: 'code', requires: ['ts'], assignedTo: 'unable' })
    const explained = await lead.tasks.explain({ taskId: assigned.id })
    expect(explained.claimable).toBe(false)
    expect(explained.agents.at(0)).toMatchObject({ name: 'able', eligible: false, excludedBy: ['assigned_to'] })
    expect(explained.agents.at(-1)).toMatchObject({ name: 'unable', excludedBy: ['requires'] })
  })

  test('by its holder and the end of the lease', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    await lead.tasks.create({ type: 'code' })
    const { id } = await claimOne(ada)
    const { reasons, claimable } = await lead.tasks.explain({ taskId: id })
    expect(claimable).toBe(false)
    expect(reasons).toEqual([{ predicate: 'held', message: 'ada holds it, attempt 1, until 2026-01-01T00:00:30.000Z' }])
  })

  test('by each open dependency, and if it can still be completed', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const ids: string[] = []
    for (const title of ['done', 'failed', 'cancelled', 'waits'])
      ids.push((await lead.tasks.create({ type: 'code', title, maxAttempts: 1 })).id)
    const { id } = await lead.tasks.create({ type: 'code', dependsOn: ids })
    await ada.tasks.complete(leaseOf(await claimOne(ada)))
    await ada.tasks.fail({ ...leaseOf(await claimOne(ada)), error: 'no' })
    await lead.tasks.cancel({ taskId: ids[2] ?? '' })
    const { reasons, status } = await lead.tasks.explain({ taskId: id })
    expect(status).toBe('blocked')
    expect(reasons.map(({ predicate }) => predicate)).toEqual(['dependencies', 'dependencies', 'dependencies'])
    expect(reasons.map(({ message }) => message).toSorted()).toEqual([
      `waits for "cancelled", ${ids[2]}, which was cancelled: it stays blocked unless its dependencies are changed`,
      `waits for "failed", ${ids[1]}, which failed: it stays blocked unless that one is retried`,
      `waits for "waits", ${ids[3]}, which is pending`,
    ])
  })

  test('by its notBefore', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const later = await lead.tasks.create({ type: 'code', notBefore: '2026-01-01T01:00:00.000Z' })
    expect((await lead.tasks.explain({ taskId: later.id })).reasons).toEqual([
      { predicate: 'not_before', message: 'it is not to be claimed before 2026-01-01T01:00:00.000Z' },
    ])
    await lead.tasks.create({ type: 'code' })
    const task = await claimOne(ada)
    await ada.tasks.fail({ ...leaseOf(task), error: 'no', nextRetryDelayMs: 5_000 })
    expect((await lead.tasks.explain({ taskId: task.id })).reasons).toEqual([
      { predicate: 'not_before', message: 'it is not tried again after a failure before 2026-01-01T00:00:05.000Z' },
    ])
  })

  test('by the conflicting locks and their holders, before and after a claim has parked it', async () => {
    await using server = await TestServer.start()
    const [lead, ada, bob] = [server.connect(), await server.agent('ada'), await server.agent('bob')]
    await lead.projects.setPools({ pools: { gpu: 1 } })
    await lead.tasks.create({ type: 'code', locks: ['port:1', 'file:src/auth', 'pool:gpu'] })
    const held = await claimOne(ada)
    const { id } = await lead.tasks.create({ type: 'code', locks: ['port:1', 'file:src', 'pool:gpu', 'port:2'] })
    const holder = `task ${held.id} of ada`
    const reasons = [
      { predicate: 'lock', message: `it needs file:src; ${holder} holds file:src/auth` },
      { predicate: 'pool', message: `pool:gpu is full; ${holder} holds one of its slots` },
      { predicate: 'lock', message: `it needs port:1; ${holder} holds it` },
    ]
    expect((await lead.tasks.explain({ taskId: id })).reasons).toEqual(reasons)
    expect((await bob.tasks.claim()).tasks).toEqual([])
    const explained = await lead.tasks.explain({ taskId: id })
    expect(explained).toMatchObject({ status: 'pending', claimable: false, reasons })
  })

  test('by a paused project and a paused epic', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const { id } = await lead.tasks.create({ type: 'code', epic: 'walls' })
    await lead.agents.pause({ epic: 'walls' })
    await lead.agents.pause({ all: true })
    expect((await lead.tasks.explain({ taskId: id })).reasons).toEqual([
      { predicate: 'project_paused', message: 'the project is paused since 2026-01-01T00:00:00.000Z' },
      { predicate: 'epic_paused', message: 'the epic walls is paused' },
    ])
  })

  test('by its end, or by the answer or the verdict it waits for', async () => {
    await using server = await TestServer.start()
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const { id } = await lead.tasks.create({ type: 'code' })
    await lead.tasks.cancel({ taskId: id, reason: 'not wanted' })
    expect((await lead.tasks.explain({ taskId: id })).reasons).toEqual([
      { predicate: 'ended', message: 'it is cancelled since 2026-01-01T00:00:00.000Z: not wanted' },
    ])
    await lead.tasks.create({ type: 'code' })
    const task = await claimOne(ada)
    const asked = {
      question: 'Which port?',
      options: null,
      by: ada.id,
      at: task.createdAt,
      deadlineAt: task.leaseExpiresAt,
    }
    tamper(
      server,
      `update tasks set status = 'input_required', input_request = '${JSON.stringify(asked)}' where id = '${task.id}'`,
    )
    expect((await lead.tasks.explain({ taskId: task.id })).reasons).toEqual([
      { predicate: 'input', message: `attempt 1 waits for an answer until ${task.leaseExpiresAt}: Which port?` },
    ])
    tamper(server, `update tasks set status = 'in_review' where id = '${task.id}'`)
    expect((await lead.tasks.explain({ taskId: task.id })).reasons).toEqual([
      { predicate: 'review', message: 'waits for a verdict on what ada did' },
    ])
  })

  test('with at most 200 agents', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    for (let index = 0; index < 201; index += 1)
      await lead.agents.register({ name: `a${String(index).padStart(3, '0')}`, type: 'implementation' })
    const { id } = await lead.tasks.create({ type: 'code', assignedTo: 'a200' })
    const { agents, truncated } = await lead.tasks.explain({ taskId: id })
    expect(truncated).toBe(true)
    expect(agents).toHaveLength(200)
    expect(agents.slice(0, 2).map(({ name, eligible }) => [name, eligible])).toEqual([
      ['a200', true],
      ['a000', false],
    ])
  })
})

test('an unknown task, or one in another project, is NOT_FOUND', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const lead = server.connect()
  await lead.projects.create({ name: 'other' })
  const { id } = await server.connect({ project: 'other' }).tasks.create({ type: 'code' })
  for (const taskId of [id, 'absent'])
    expect(await refusal(lead.tasks.explain({ taskId }))).toMatchObject({ code: 'NOT_FOUND' })
})
