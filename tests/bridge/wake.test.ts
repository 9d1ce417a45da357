import { describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { idle, restartedHost, type StandInKind, standIn } from './wakeable.ts'

const within = { interval: 5 }
const steer = { type: 'note', payload: 'not that file', mode: 'steer' } as const
const waking = ['channel', 'stop_hook', 'codex_queue', 'command'] as const

/** A server whose clock may jump: no ping could be answered in time. */
const startServer = () => TestServer.start({ limits: { pingMs: 86_400_000 } })

/** Advances the clock until the providers have had their time. */
async function passTime(server: TestServer, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    await server.advance(1_000)
    await new Promise(setImmediate)
  }
}

describe.each(waking)('a session with the provider %s', (kind: StandInKind) => {
  test('is woken for a message that steers, and counts as woken from its next call', async () => {
    await using server = await startServer()
    const lead = await server.agent('lead', { type: 'tech-lead' })
    await using session = await standIn(server, kind)
    const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
    const wake = async () => (await lead.messages.get({ messageId })).wake
    expect(await wake()).toMatchObject({ status: 'requested', requestedAt: '2026-01-01T00:00:00.000Z' })
    await expect.poll(() => session.wakeTexts(), within).toHaveLength(1)
    expect(session.wakeTexts()[0]).toContain(`Message ${messageId} is to be read now`)
    expect(await wake()).toMatchObject({ status: 'requested', endedAt: null, tried: [kind] })
    expect((await session.host.call('inbox')).text).toContain('| not that file')
    await expect.poll(wake, within).toMatchObject({ status: 'woken', tried: [kind] })
    const types = ['wake.requested', 'wake.woken', 'wake.unavailable'] as const
    const { events } = await lead.events.list({ types: [...types] })
    expect(events.map(({ type, subject }) => [type, subject])).toEqual([
      ['wake.requested', messageId],
      ['wake.woken', messageId],
    ])
  })

  test('is never woken twice for a message, and unavailable if it gives no sign', async () => {
    await using server = await startServer()
    const lead = server.connect()
    await using session = await standIn(server, kind)
    const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
    await expect.poll(() => session.wakeTexts(), within).toHaveLength(1)
    const wake = async () => (await lead.messages.get({ messageId })).wake
    const status = async () => {
      await server.advance(1_000)
      return (await wake())?.status
    }
    await expect.poll(status, within).toBe('unavailable')
    const ended = await wake()
    expect(ended).toMatchObject({ tried: [kind] })
    expect(Date.parse(ended?.endedAt ?? '') - Date.parse(ended?.requestedAt ?? '')).toBeLessThanOrEqual(60_000)
    await passTime(server, 120)
    expect(session.wakeTexts()).toHaveLength(1)
    expect((await session.host.call('inbox')).text).toContain('| not that file')
    expect(await wake()).toMatchObject({ status: 'unavailable' })
  })
})

test('a session without a provider is unavailable at once, with no provider tried', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using session = await standIn(server, 'none')
  const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
  const wake = async () => (await lead.messages.get({ messageId })).wake
  await expect.poll(wake, within).toMatchObject({ status: 'unavailable', tried: [] })
})

test('a provider that swallows the text is followed by the next one, and each is tried once', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using other = await standIn(server, 'command')
  await using session = await standIn(server, 'channel', { TONY_MCP_WAKE: 'exit 3' })
  const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
  const wake = async () => {
    await server.advance(1_000)
    return (await lead.messages.get({ messageId })).wake
  }
  await expect.poll(wake, within).toMatchObject({ status: 'unavailable', tried: ['channel', 'command'] })
  expect(session.wakeTexts()).toHaveLength(1)
  expect(other.wakeTexts()).toEqual([])
})

/** Starts a session in the middle of a turn. */
async function standInAtWork(server: TestServer) {
  const session = await standIn(server, 'command')
  await session.host.did('who')
  await expect.poll(() => server.query('select * from idle_sessions'), within).toEqual([])
  return session
}

test('a session that works is not woken: the message comes with its next call', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using session = await standInAtWork(server)
  const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
  expect(await lead.messages.get({ messageId })).toMatchObject({ wake: null })
  expect((await session.host.call('who')).text).toContain('| not that file')
  expect(session.wakeTexts()).toEqual([])
})

test('a message that came unseen while the session worked wakes it at the end of its turn', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using session = await standInAtWork(server)
  const { id: messageId } = await lead.messages.send({ ...steer, to: session.agentId })
  // The host ends a turn that its hook has prolonged before, so it shows nothing.
  const hook = { event: 'stop', host: 'claude-code', endsTurn: true } as const
  const end = () => session.host.bridge.requests.reply({ secret: '', hook }, new AbortController().signal)
  await idle(server, session.agentId, async () => void (await end()))
  await expect.poll(() => session.wakeTexts(), within).toHaveLength(1)
  expect(await lead.messages.get({ messageId })).toMatchObject({ wake: { tried: ['command'] } })
})

test('messages of other modes wake no session', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using session = await standIn(server, 'command')
  for (const mode of ['boundary', 'turn_end', 'digest'] as const)
    await lead.messages.send({ ...steer, mode, to: session.agentId })
  await passTime(server, 5)
  expect(server.query('select * from wakes')).toEqual([])
  expect(session.wakeTexts()).toEqual([])
})

test('a cancel wakes the holder of the task, and the answer to a question the agent that asked', async () => {
  await using server = await startServer()
  const lead = await server.agent('lead', { type: 'tech-lead' })
  await using session = await standIn(server, 'command')
  const [held, asked] = (await lead.tasks.createMany({ tasks: [{ type: 'code' }, { type: 'code' }] })).tasks
  expect(await session.host.takes()).toBe(held?.id)
  await session.host.takes({ another: true })
  await session.host.did('ask', { taskId: asked?.id, question: 'Which port?' })
  await idle(server, session.agentId, async () => void (await session.endTurn()))
  await lead.tasks.cancel({ taskId: held?.id ?? '' })
  await expect.poll(() => session.wakeTexts(), within).toHaveLength(1)
  expect(session.wakeTexts()[0]).toContain(`Task ${held?.id} was cancelled`)
  const { events } = await lead.events.list({ types: ['wake.requested'], taskId: held?.id ?? '' })
  expect(events).toMatchObject([{ data: { agentId: session.agentId, reason: 'cancel' } }])
  // The second wake within a minute waits for the end of that minute.
  await lead.tasks.provideInput({ taskId: asked?.id ?? '', answer: 8080 })
  expect(server.query('select status from wakes order by requested_at, id')).toEqual([
    { status: 'requested' },
    { status: 'deferred' },
  ])
  const texts = async () => {
    await server.advance(1_000)
    return session.wakeTexts()
  }
  await expect.poll(texts, within).toHaveLength(2)
  expect(session.wakeTexts()[1]).toContain(`Your question about task ${asked?.id} has an answer`)
})

test('a ready task wakes one idle session that takes tasks and may claim it', async () => {
  await using server = await startServer()
  const lead = server.connect()
  await using taker = await standIn(server, 'command')
  await using second = await standIn(server, 'command')
  await using reader = await standIn(server, 'command')
  for (const session of [taker, second]) {
    await session.host.did('next_task', { waitSeconds: 0 })
    await idle(server, session.agentId, async () => void (await session.endTurn()))
  }
  const { id } = await lead.tasks.create({ type: 'code' })
  const texts = () => [...taker.wakeTexts(), ...second.wakeTexts()]
  await passTime(server, 2)
  await expect.poll(texts, within).toHaveLength(1)
  expect(texts()[0]).toContain(`Task ${id} is ready: call the tool next_task.`)
  expect(reader.wakeTexts()).toEqual([])
})

test('a bridge that follows another one tries the providers of the wakes that are open', async () => {
  await using server = await startServer()
  const lead = server.connect()
  const before = await standIn(server, 'command', { TONY_MCP_WAKE: 'exit 3', TONY_MCP_SESSION: 'the same' })
  const { id: messageId } = await lead.messages.send({ ...steer, to: before.agentId })
  // No time is left to the first bridge to give the wake up.
  await before[Symbol.asyncDispose]()
  server.execute("update wakes set status = 'requested', ended_at = null, tried = ''")
  await using after = await restartedHost(server, 'the same')
  await expect.poll(() => after.wakeTexts(), within).toHaveLength(1)
  expect((await lead.messages.get({ messageId })).wake).toMatchObject({ status: 'requested', tried: ['command'] })
})

test('a bridge that follows another one does not try a provider again for the same wake', async () => {
  await using server = await startServer()
  const lead = server.connect()
  const before = await standIn(server, 'command', { TONY_MCP_SESSION: 'the same' })
  const { id: messageId } = await lead.messages.send({ ...steer, to: before.agentId })
  await expect.poll(() => before.wakeTexts(), within).toHaveLength(1)
  // The bridge ends while it waits for a sign of the session.
  await before[Symbol.asyncDispose]()
  await using after = await restartedHost(server, 'the same')
  const wake = async () => (await lead.messages.get({ messageId })).wake
  await expect.poll(wake, within).toMatchObject({ status: 'unavailable', tried: ['command'] })
  expect(after.wakeTexts()).toEqual([])
})
