import { describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { bridgedHost, httpHost } from './hosts.ts'

describe.each([
  ['by a bridge', bridgedHost],
  ['over HTTP', httpHost],
] as const)('%s', (_, hostOf) => {
  test.each([
    ['add_tasks', { tasks: [{ title: 'a', after: ['b'] }] }, 'in tasks[0] "after": did you mean "dependsOn"?'],
    ['add_tasks', { tasks: [{ title: 'a', blocked_by: ['b'] }] }, '"blocked_by": did you mean "dependsOn"?'],
    ['inbox', { wait_seconds: 5 }, '"wait_seconds": did you mean "waitSeconds"?'],
    ['next_task', { waitSecond: 5 }, '"waitSecond": did you mean "waitSeconds"?'],
    ['send', { to: '*', message: 'hello' }, '"message": did you mean "text"?'],
    ['who', { zebra: 1 }, 'unknown argument "zebra". It takes "offline"'],
    ['complete', { taskId: 3, result: 1 }, 'taskId: '],
  ])('%s refuses %j and names the nearest argument', async (tool, args, hint) => {
    await using server = await TestServer.start()
    await using host = await hostOf(server)
    const { ok, text } = await host.call(tool, args)
    expect({ ok, text }).toEqual({ ok: false, text: expect.stringMatching(/^INVALID_INPUT: /) })
    expect(text).toContain(hint)
  })

  test('every tool publishes that it takes no other arguments', async () => {
    await using server = await TestServer.start()
    await using host = await hostOf(server)
    const { tools } = await host.client.listTools()
    const open = tools.filter(({ inputSchema }) => inputSchema['additionalProperties'] !== false)
    expect(open.map(({ name }) => name)).toEqual([])
  })

  test('a message to "all" is refused with the word for everybody, unless an agent has that name', async () => {
    await using server = await TestServer.start()
    await using host = await hostOf(server)
    await host.did('join')
    const send = { to: 'all', text: 'hello' }
    expect((await host.call('send', send)).text).toContain('to send to everybody, write "*"')
    await server.agent('all')
    expect(await host.did('send', send)).toMatchObject({ recipients: 1 })
  })

  test('a task takes locks and artifacts from its model', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    await using host = await hostOf(server)
    await host.takes()
    expect(await host.did('lock', { taskId, locks: ['file:src/auth'] })).toMatchObject({ locks: ['file:src/auth'] })
    await host.did('progress', { taskId, artifacts: [{ name: 'log', uri: 'file:///tmp/log' }] })
    await host.did('complete', { taskId, result: 'done', artifacts: [{ name: 'patch', uri: 'file:///tmp/patch' }] })
    const { artifacts } = await lead.tasks.get({ taskId })
    expect(artifacts.map(({ name }) => name).toSorted()).toEqual(['log', 'patch'])
  })

  test('a second result of sub-agents that share a task changes nothing and is kept', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    await using host = await hostOf(server)
    await host.takes()
    const again = await host.did('next_task')
    expect(again).toMatchObject({ next: expect.stringContaining('pass another: true') })
    await host.did('complete', { taskId, result: 'of the first' })
    expect((await lead.tasks.get({ taskId })).orphanResults).toEqual([])
    await host.did('complete', { taskId, result: 'of the first' })
    await host.did('complete', { taskId, result: 'of the second' })
    expect(await lead.tasks.get({ taskId })).toMatchObject({
      status: 'completed',
      result: 'of the first',
      orphanResults: [{ result: 'of the second' }],
    })
  })
})

test('a call over HTTP that is sent twice does its work once', async () => {
  await using server = await TestServer.start()
  await using host = await httpHost(server)
  await host.did('join', { type: 'tech-lead' })
  const plan = { tasks: [{ title: 'a' }, { title: 'b' }] }
  const [one, two] = [await host.did('add_tasks', plan), await host.did('add_tasks', plan)]
  expect(two['tasks']).toEqual(one['tasks'])
  await server.agent('reader')
  const message = { to: 'reader', text: 'hello' }
  const [first, second] = [await host.did('send', message), await host.did('send', message)]
  expect(second['messageId']).toBe(first['messageId'])
  await server.advance(60_000)
  expect((await host.did('send', message))['messageId']).not.toBe(first['messageId'])
})
