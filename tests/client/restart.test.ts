import { Agent, type ClientOptions, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { RestartingServer } from '../support/restarting.ts'

const ways: readonly (readonly [string, ClientOptions])[] = [
  ['the socket', {}],
  ['HTTP', { calls: 'http', subscriptions: 'sse' }],
]

test.each(ways)(
  'restarts of the server show a caller over %s no error, and no work is lost or done twice',
  async (_, way) => {
    await using server = await RestartingServer.start()
    const options = { ...way, url: server.url, deadlineMs: 60_000 }
    const client = createClient(options)
    const errors: unknown[] = []
    const note = (error: unknown) => void errors.push(error)
    const agent = await Agent.register({ ...options, name: 'worker', type: 'implementation', heartbeatMs: 1_000 })
    const handled = new Map<string, number>()
    agent.work(
      async ({ id }, { progress }) => {
        handled.set(id, (handled.get(id) ?? 0) + 1)
        await progress({ percent: 50 })
      },
      { slots: 2, onError: note },
    )
    const reader = await Agent.register({ ...options, name: 'reader', type: 'qa' })
    const read = new Set<unknown>()
    let working = true
    const created: string[] = []
    const create = async (): Promise<void> => {
      while (working) {
        created.push((await client.tasks.create({ type: 'code' })).id)
        await agent.client.messages.send({ to: reader.id, type: 'note', payload: created.length })
      }
    }
    const receive = async (): Promise<void> => {
      while (working || read.size < created.length) {
        const { messages } = await reader.client.messages.receive({ waitMs: 5_000, ackWaitMs: 15_000 })
        for (const { id, receipt, payload } of messages) {
          read.add(payload)
          await reader.client.messages.ack({ messageId: id, receipt })
        }
      }
    }
    const seqs: number[] = []
    const feed = client.events.subscribe({ cursor: 'start' })
    const follow = async (): Promise<void> => {
      for await (const { type, seq } of feed) if (type !== 'checkpoint') seqs.push(seq)
    }
    const following = follow().catch(note)
    const all = [create(), receive()].map((running) => running.catch(note))
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGTERM'] as const) {
      const before = created.length
      while (created.length < before + 20 && errors.length === 0) await client.system.info()
      await server.restart(signal)
    }
    working = false
    await Promise.all(all)
    while ((await client.system.metrics()).tasks.percentCompleted < 100) await client.tasks.list({})
    expect(errors).toEqual([])
    expect(new Set(created).size).toBe(created.length)
    expect((await client.system.metrics()).tasks).toMatchObject({ total: created.length, percentCompleted: 100 })
    expect([...handled.values()].every((times) => times === 1)).toBe(true)
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    await Promise.all([agent.stop(), reader.stop()])
    client.close()
    await following
    expect(errors).toEqual([])
  },
  90_000,
)
