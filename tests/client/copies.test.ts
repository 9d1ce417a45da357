import { Agent, FinalError, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { signal } from './agents.ts'

/** Another copy of the client in this process: a plugin has its own beside that of its host. */
const copy: typeof import('@tony/mcp-client') = await import(
  new URL('../../client/dist/index.js', import.meta.url).href
)

test('an error of another copy of the client is an instance of its class, and of no other one', async () => {
  await using server = await TestServer.start()
  const client = copy.createClient({ url: server.url })
  const thrown: unknown = await client.tasks.get({ taskId: 'absent' }).catch((error: unknown) => error)
  client.close()
  class OwnError extends TonyError {}
  expect(thrown).toBeInstanceOf(TonyError)
  expect(Object.getPrototypeOf(thrown)).not.toBe(TonyError.prototype)
  expect(thrown).not.toBeInstanceOf(FinalError)
  expect(thrown).not.toBeInstanceOf(OwnError)
  const own = new OwnError('own', { code: 'NOT_FOUND', retryable: false, applied: 'no' })
  expect([own instanceof OwnError, own instanceof TonyError, own instanceof copy.TonyError]).toEqual([true, true, true])
  expect([undefined, null, 'text', new Error('other')].some((other) => other instanceof TonyError)).toBe(false)
})

test('a FinalError of another copy of the client ends the task of a handler', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const agent = await Agent.register({ url: server.url, name: 'host', type: 'implementation' })
  const { tell, told } = signal()
  const loop = agent.work(() => {
    tell()
    throw new copy.FinalError('for ever')
  })
  const { id } = await lead.tasks.create({ type: 'code' })
  await told
  await loop.stop()
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'failed', error: 'for ever', failures: 1 })
  await agent.stop()
})
