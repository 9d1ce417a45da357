import { expect, test } from 'vitest'
import { refusal, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

test('projects.get returns the settings and the progress of a project', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.projects.setPools({ pools: { gpu: 3 } })
  await lead.agents.pause({ epic: 'roof' })
  await lead.tasks.create({ type: 'code', epic: 'walls', locks: ['pool:gpu'] })
  await lead.tasks.create({ type: 'code', epic: 'walls' })
  await lead.tasks.create({ type: 'code', epic: 'roof' })
  await lead.tasks.create({ type: 'code' })
  const { tasks } = await ada.tasks.claim({ limit: 2 })
  if (tasks[1]) await ada.tasks.complete(leaseOf(tasks[1]))
  const detail = await ada.projects.get()
  expect(detail).toMatchObject({
    name: 'default',
    pausedAt: null,
    pools: { gpu: { size: 3, held: 1 } },
    pausedEpics: ['roof'],
    tasks: { total: 4, byStatus: { pending: 2, in_progress: 1, completed: 1 }, percentCompleted: 25 },
    epics: [
      { epic: 'roof', tasks: { total: 1, byStatus: { pending: 1 } } },
      { epic: 'walls', tasks: { total: 2, byStatus: { in_progress: 1, completed: 1 }, percentCompleted: 50 } },
    ],
  })
  expect(await ada.projects.get({ project: 'default' })).toEqual(detail)
})

test('another project is NOT_FOUND for all but an admin', async () => {
  await using server = await TestServer.start({ config: { devRole: 'admin' } })
  const admin = server.connect()
  await admin.projects.create({ name: 'other' })
  const inOther = server.connect({ project: 'other' })
  await inOther.tasks.create({ type: 'code' })
  const lead = await server.agent('lead', { role: 'tech-lead' })
  expect(await refusal(lead.projects.get({ project: 'other' }))).toMatchObject({
    code: 'NOT_FOUND',
    message: 'Project other not found',
  })
  expect(await refusal(lead.projects.get({ project: 'absent' }))).toMatchObject({
    code: 'NOT_FOUND',
    message: 'Project absent not found',
  })
  expect(await admin.projects.get({ project: 'other' })).toMatchObject({ name: 'other', tasks: { total: 1 } })
  expect(await refusal(admin.projects.get({ project: 'absent' }))).toMatchObject({ code: 'NOT_FOUND' })
})

test('projects.pause and projects.resume pause and resume the whole project, with a reason in the feed', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  await lead.tasks.create({ type: 'code' })
  for (let round = 0; round < 2; round += 1)
    expect((await lead.projects.pause({ reason: 'fire' })).pausedAt).toBe('2026-01-01T00:00:00.000Z')
  expect((await lead.projects.get()).pausedAt).toBe('2026-01-01T00:00:00.000Z')
  expect((await ada.tasks.claim()).tasks).toEqual([])
  for (let round = 0; round < 2; round += 1) expect((await lead.projects.resume()).pausedAt).toBeNull()
  await claimOne(ada)
  const { events } = await lead.events.list({ types: ['project.paused', 'project.resumed'] })
  const { id } = await lead.projects.get()
  expect(events).toMatchObject([
    { type: 'project.paused', subject: id, data: { reason: 'fire' } },
    { type: 'project.resumed', subject: id, data: { reason: null } },
  ])
  expect(await refusal(ada.projects.pause())).toMatchObject({ code: 'FORBIDDEN' })
})
