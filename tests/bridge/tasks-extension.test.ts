import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Guarded } from '../access/given.ts'
import { claimOne } from '../api/given.ts'
import { refusal, TestServer } from '../support/server.ts'
import { bridgedHost, delivered, type Host } from './hosts.ts'

const extension = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const anything = z.looseObject({})

/** Reads a task as the program of a host does, by a request that declares the extension. */
const poll = ({ client }: Host, taskId: string) =>
  client.request(
    {
      method: 'tasks/get',
      params: { taskId, _meta: { 'io.modelcontextprotocol/clientCapabilities': extension } },
    },
    anything,
  )

/** Connects the client of the SDK on the newest revision, which declares the extension. */
async function connect(url: string, token?: string, capabilities: object = extension) {
  const client = new McpClient(
    { name: 'Modern Host', version: '1' },
    { versionNegotiation: { mode: 'auto' }, capabilities: { ...capabilities } },
  )
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }))
  const send = (method: string, params: Record<string, unknown>) => client.request({ method, params }, anything)
  return {
    client,
    get: (taskId: string) => send('tasks/get', { taskId }),
    cancel: (taskId: string) => send('tasks/cancel', { taskId }),
    update: (taskId: string, inputResponses: object) => send('tasks/update', { taskId, inputResponses }),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

const accept = (answer: string) => ({ action: 'accept', content: { answer } })

describe('the extension MCP Tasks', () => {
  test('is declared, and shows a task from its creation to its result', async () => {
    await using server = await TestServer.start()
    await using host = await connect(server.url)
    expect(host.client.getServerCapabilities()?.extensions).toHaveProperty(['io.modelcontextprotocol/tasks'])
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const { id } = await lead.tasks.create({ type: 'code' })
    expect(await host.get(id)).toMatchObject({ taskId: id, status: 'working', statusMessage: 'pending', ttlMs: null })
    const { leaseToken } = await claimOne(ada)
    await ada.tasks.progress({ taskId: id, leaseToken, percent: 40, message: 'half\nway' })
    expect(await host.get(id)).toMatchObject({ status: 'working', statusMessage: 'in_progress: 40 %, half way' })
    await ada.tasks.complete({ taskId: id, leaseToken, result: { commit: '4f2c1ab' } })
    expect(await host.get(id)).toMatchObject({
      status: 'completed',
      result: {
        resultType: 'complete',
        isError: false,
        content: [
          {
            type: 'text',
            text: expect.stringMatching(/^--- result of agent "ada", developer.*\n\| {"commit":"4f2c1ab"}/),
          },
          { type: 'resource_link', uri: `tony://task/${id}` },
        ],
      },
    })
  })

  test('shows a failed task as a failed call, and a cancelled one as cancelled', async () => {
    await using server = await TestServer.start()
    await using host = await connect(server.url)
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const { id } = await lead.tasks.create({ type: 'code', maxAttempts: 1 })
    const { leaseToken } = await claimOne(ada)
    await ada.tasks.fail({ taskId: id, leaseToken, error: 'no disk' })
    expect(await host.get(id)).toMatchObject({
      status: 'completed',
      statusMessage: 'failed: no disk',
      result: {
        isError: true,
        content: [{ type: 'text', text: expect.stringContaining('| no disk') }, { type: 'resource_link' }],
      },
    })
    const other = await lead.tasks.create({ type: 'code' })
    await host.cancel(other.id)
    expect(await host.get(other.id)).toMatchObject({ status: 'cancelled' })
    // A second cancellation, and one of a failed task, change nothing.
    await host.cancel(other.id)
    await host.cancel(id)
    expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'failed' })
  })

  test('asks the question of a task as a form, and takes the answer to the present question alone', async () => {
    await using server = await TestServer.start()
    await using host = await connect(server.url)
    const [lead, ada] = [server.connect(), await server.agent('ada')]
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    const ask = async (question: string) => {
      const { leaseToken, input } = await claimOne(ada)
      await ada.tasks.requestInput({ taskId, leaseToken, question, options: ['blue', 'red'] })
      return input
    }
    await ask('Which colour?')
    const asked = await host.get(taskId)
    expect(asked).toMatchObject({
      status: 'input_required',
      inputRequests: {
        'question-1': {
          method: 'elicitation/create',
          params: {
            mode: 'form',
            message: expect.stringContaining('| Which colour?'),
            requestedSchema: { required: ['answer'] },
          },
        },
      },
    })
    await host.update(taskId, { 'question-7': accept('green') })
    await host.update(taskId, { 'question-1': { action: 'cancel' } })
    expect(await host.get(taskId)).toMatchObject({ status: 'input_required' })
    await host.update(taskId, { 'question-1': accept('blue') })
    expect(await host.get(taskId)).toMatchObject({ status: 'working' })
    expect(await ask('And the border?')).toMatchObject({ answer: 'blue' })
    // The answer to the first question comes again, after the second one was asked.
    await host.update(taskId, { 'question-1': accept('red') })
    expect(await host.get(taskId)).toMatchObject({ inputRequests: { 'question-2': {} } })
    await host.update(taskId, { 'question-2': { action: 'decline' } })
    expect(await claimOne(ada)).toMatchObject({ input: { answer: 'The question was declined.' } })
  })

  test('refuses callers that have not declared it, and tasks that they may not see', async () => {
    await using guarded = await Guarded.start()
    const { key } = await guarded.key({ roleCeiling: 'observer', scopes: ['*'] })
    const { id } = await guarded.admin.tasks.create({ type: 'code' })
    await using other = await connect(guarded.server.url, key, {})
    await expect(other.get(id)).rejects.toMatchObject({
      code: -32_021,
      data: { requiredCapabilities: extension },
    })
    await using observer = await connect(guarded.server.url, key)
    expect(await observer.get(id)).toMatchObject({ status: 'working' })
    await expect(observer.cancel(id)).rejects.toMatchObject({ code: -32_000, data: { code: 'FORBIDDEN' } })
    await expect(observer.get('01890000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: -32_602 })
    expect(await guarded.admin.tasks.get({ taskId: id })).toMatchObject({ status: 'pending' })
  })

  test('is on the bridge too, for requests that declare it', async () => {
    await using server = await TestServer.start()
    await using host = await bridgedHost(server)
    const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
    expect(await poll(host, taskId)).toMatchObject({ taskId, status: 'working' })
    const undeclared = { method: 'tasks/get', params: { taskId } }
    await expect(host.client.request(undeclared, anything)).rejects.toMatchObject({ code: -32_021 })
  })

  test('acks no message on the bridge: the host polls and reads resources before its model has read', async () => {
    await using server = await TestServer.start()
    await using host = await bridgedHost(server)
    await host.did('join', { name: 'ada' })
    const lead = server.connect()
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    const note = { to: 'ada', type: 'note', payload: 'stop', threadId: 'notes' }
    const { id: messageId } = await lead.messages.send(note)
    await delivered(server, 1)
    const status = async () => (await lead.messages.get({ messageId })).status
    expect((await host.call('inbox')).text).toContain('stop')
    await poll(host, taskId)
    for (const uri of [`tony://task/${taskId}`, 'tony://thread/notes']) await host.client.readResource({ uri })
    expect(await status()).toBe('delivered')
    await host.did('inbox')
    expect(await status()).toBe('acked')
  })
})

test('tasks.provideInput with an attempt answers the question of this attempt alone', async () => {
  await using server = await TestServer.start()
  const [lead, ada] = [server.connect(), await server.agent('ada')]
  const { id: taskId } = await lead.tasks.create({ type: 'code' })
  const { leaseToken } = await claimOne(ada)
  await ada.tasks.requestInput({ taskId, leaseToken, question: 'Which?' })
  const refused = await refusal(lead.tasks.provideInput({ taskId, answer: 'this', attempt: 2 }))
  expect(refused).toMatchObject({ code: 'ILLEGAL_TRANSITION', message: expect.stringContaining('is in attempt 1') })
  expect(await lead.tasks.provideInput({ taskId, answer: 'this', attempt: 1 })).toMatchObject({ status: 'pending' })
})
