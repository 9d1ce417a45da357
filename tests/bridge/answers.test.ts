import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { httpHost } from './hosts.ts'

test('a lead answers the question of the attempt that it has read, and no later one', async () => {
  await using server = await TestServer.start()
  await using lead = await httpHost(server)
  await using worker = await httpHost(server)
  await lead.did('join', { name: 'ann', type: 'tech-lead' })
  await worker.did('join', { name: 'bob' })
  await lead.did('add_tasks', { tasks: [{ title: 'Publish' }] })
  const taskId = await worker.takes()
  await worker.did('ask', { taskId, question: 'Where?' })
  const [first] = Object(await lead.did('inbox')).messages
  expect(first).toMatchObject({ type: 'question', taskId, text: expect.stringContaining('| Answer it for attempt 1.') })
  expect(await lead.did('explain')).toMatchObject({ tasks: [{ taskId, status: 'input_required', attempt: 1 }] })
  expect((await lead.call('answer', { taskId, answer: 'on the web' })).text).toContain('INVALID_INPUT: attempt')
  // Somebody else answers, and the next attempt asks another question.
  await server.connect().tasks.provideInput({ taskId, answer: 'by mail' })
  expect(await worker.takes()).toBe(taskId)
  await worker.did('ask', { taskId, question: 'Shall I delete the old one?' })
  const late = await lead.call('answer', { taskId, attempt: 1, answer: 'yes' })
  expect(late).toMatchObject({
    ok: false,
    text: expect.stringContaining('is in attempt 2: answer its present question'),
  })
  expect((await server.connect().tasks.get({ taskId })).status).toBe('input_required')
  expect(await lead.did('answer', { taskId, attempt: 2, answer: 'no' })).toMatchObject({ status: 'pending' })
})
