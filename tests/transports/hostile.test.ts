import type { Client } from '@tony/mcp-client'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { expect, test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'
import { cases } from './equality-cases.ts'
import { Lane } from './lane.ts'
import { Dice, Mutator, type Sample } from './mutator.ts'

const seed = Number(process.env['HOSTILE_SEED'] ?? 20_261_122)
const frames = roundsOf({ part: 2_000, full: 20_000, variable: 'HOSTILE_FRAMES' })
const lanes = 6

/** Returns one accepted call of each procedure, with ids that exist. */
async function collect(server: TestServer): Promise<[Sample, ...Sample[]]> {
  const lead = server.connect()
  const samples: Sample[] = []
  for (const [path, { kind }] of procedures) {
    const agent = await server.agent(`sample ${path}`, { role: 'tech-lead' })
    const input = (await cases[path]?.valid({ agent, lead })) ?? {}
    samples.push({ path, kind, input })
    agent.close()
  }
  const [first, ...rest] = samples
  if (!first) throw new Error('there are no procedures')
  return [first, ...rest]
}

async function callsCounted(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return [...text.matchAll(/^tony_calls_total\{.*\} (\d+)$/gm)].reduce((total, [, count]) => total + Number(count), 0)
}

/** Makes the calls of a well-behaved client. */
async function live(client: Client): Promise<void> {
  const { id } = await client.tasks.create({ type: 'healthy' })
  expect(await client.tasks.get({ taskId: id })).toMatchObject({ id, type: 'healthy' })
}

test(`no frame of ${frames} hostile ones, of seed ${seed}, breaks the server`, async () => {
  await using server = await TestServer.start({
    limits: { subscriptions: 4 },
    config: { durability: 'process', devRole: 'admin' },
  })
  const samples = await collect(server)
  const dice = new Dice(seed)
  /** Half of the lanes are agents. */
  const identity = (lane: number) => async () => {
    if (lane % 2 === 0) return undefined
    const agent = await server.agent(`lane ${lane}`, { role: 'tech-lead' })
    agent.close()
    return agent.token
  }
  const crew = Array.from(
    { length: lanes },
    (_, lane) => new Lane(server.url, new Mutator(new Dice(dice.below(2 ** 32)), samples), identity(lane)),
  )
  const healthy = server.connect()
  const before = await callsCounted(server.url)
  let healthyCalls = 0
  let sent = 0
  while (sent < frames) {
    await Promise.all(crew.map((lane) => lane.burst()))
    await live(healthy)
    healthyCalls += 2
    // Leases expire, rate limits recover and sweeps run.
    server.clock.advance(3_000)
    sent = crew.reduce((total, lane) => total + lane.sent, 0)
  }
  for (const lane of crew) lane.close()
  const own = crew.reduce((total, lane) => total + lane.own, 0)
  const reached = (await callsCounted(server.url)) - before - own - healthyCalls
  process.stdout.write(`hostile frames: ${sent} sent, ${reached} reached a procedure\n`)
  expect(reached / sent).toBeGreaterThanOrEqual(0.3)
  await live(healthy)
  expect(Object.hasOwn(Object.prototype, 'a')).toBe(false)
})
