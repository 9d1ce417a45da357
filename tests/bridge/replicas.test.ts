import { expect, test } from 'vitest'
import { Replicas } from '../support/replicas.ts'
import { onPostgres } from '../support/server.ts'
import { httpHost } from './hosts.ts'

test.runIf(onPostgres)('a session whose HTTP requests go to different replicas is one session', async () => {
  await using replicas = await Replicas.start()
  const lead = replicas.first.connect()
  await lead.tasks.create({ type: 'code' })
  let requests = 0
  await using host = await httpHost(replicas.first, {}, () => {
    requests += 1
    return replicas.at(requests)
  })
  const { agentId } = await host.did('join')
  const taskId = await host.takes()
  await lead.messages.send({ to: String(agentId), type: 'note', payload: 'over there' })
  expect(await host.did('inbox')).toMatchObject({ messages: [{ text: expect.stringContaining('| over there') }] })
  expect(await host.did('inbox')).toMatchObject({ messages: [] })
  for (let percent = 0; percent < 4; percent += 1) await host.did('progress', { taskId, percent })
  await host.did('complete', { taskId, result: 'there' })
  expect(await lead.tasks.get({ taskId })).toMatchObject({ status: 'completed', attempt: 1, claimedBy: agentId })
})
