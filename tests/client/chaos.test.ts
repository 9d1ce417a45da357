import { Agent, type ClientOptions, createClient, TonyError } from '@tony/mcp-client'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { expect, test } from 'vitest'
import { dice } from '../support/dice.ts'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'
import { faults, Weather } from '../support/weather.ts'

const rounds = roundsOf({ part: 12, full: 200, variable: 'ROUNDS' })
const acts = 2

const ways: readonly (readonly [string, ClientOptions])[] = [
  ['sockets', {}],
  ['HTTP', { calls: 'http', subscriptions: 'sse' }],
]

/** Short timeouts, so that the test waits for milliseconds instead of seconds. */
const timeouts = { pingMs: 60, pongMs: 60, connectMs: 120 }

test.each(ways)(
  `${rounds} rounds of network faults over %s lose no work, do nothing twice, and show no error`,
  async (_, way) => {
    await using server = await TestServer.start({ clock: systemClock })
    await using weather = await Weather.start(server.url)
    const options: ClientOptions = {
      ...way,
      url: weather.url,
      timeouts,
      deadlineMs: 60_000,
      retries: { perSecond: 1_000 },
    }
    const errors: unknown[] = []
    const onError = (error: unknown) => void errors.push(error)
    // The proxy duplicates frames, which TCP never does. A heartbeat that arrives twice releases
    // tasks that were claimed in between, and a receipt lasts three seconds.
    const late: unknown[] = []
    const isLate = (error: unknown) => error instanceof TonyError && /^STALE_(LEASE|RECEIPT)$/.test(error.code)
    const onWorkError = (error: unknown) => void (isLate(error) ? late : errors).push(error)
    const client = createClient(options)
    const register = (name: string) =>
      Agent.register({ ...options, name, type: 'implementation', heartbeatMs: 500, registerWithinMs: 60_000 })
    const [worker, reader] = await Promise.all([register('worker'), register('reader')])
    const roll = dice(20_260_101)
    const done = new Set<string>()
    const read = new Set<unknown>()
    worker.work(({ id, title }) => done.add(id) && { did: title }, { slots: 2, onError: onWorkError })
    reader.onMessage(({ payload }) => read.add(payload), { ackWaitMs: 3_000, onError: onWorkError })
    const seen: (string | null)[] = []
    const follow = async () => {
      for await (const { subject } of worker.watch({ types: ['task.completed'] }, { from: 'start' })) seen.push(subject)
    }
    const following = follow().catch(onError)
    /** Waits for a number of replies of the server without the proxy. */
    const pass = async (answers: number) => {
      for (let count = 0; count < answers; count += 1) await (await fetch(`${server.url}/livez`)).text()
    }
    const created: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const calls = Array.from({ length: acts }, async (__, act) => {
        const title = `${round}.${act}`
        const { id } = await client.tasks.create({ type: 'code', title })
        created.push(id)
        await client.messages.send({ to: reader.id, type: 'note', payload: title, maxDeliver: 100 })
      })
      await pass(roll(3))
      weather.strike(faults[roll(faults.length)] ?? 'reset')
      await pass(roll(60))
      weather.clear()
      await Promise.all(calls.map((call) => call.catch(onError)))
      if (errors.length > 0) break
    }
    expect(errors).toEqual([])
    // A busy machine may be late once a round: a receipt lasts three seconds of its time.
    expect(late.length).toBeLessThan(rounds)
    const past = server.connect()
    while ((await past.system.metrics()).tasks.percentCompleted < 100) await pass(1)
    while (read.size < rounds * acts) await pass(1)
    const { tasks, messages } = await past.system.metrics()
    expect(new Set(created).size).toBe(rounds * acts)
    expect([tasks.total, messages.accepted, done.size, read.size]).toEqual(Array(4).fill(rounds * acts))
    while (seen.length < created.length) await pass(1)
    expect(seen.toSorted()).toEqual(created.toSorted())
    await Promise.all([worker.stop(), reader.stop()])
    client.close()
    await following
    expect(errors).toEqual([])
  },
  240_000,
)
