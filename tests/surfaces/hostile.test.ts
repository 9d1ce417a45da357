import type { Client } from '@tony/mcp-client'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { TestServer } from '../support/server.ts'
import { cases } from './equality-cases.ts'
import { Dice, type Hostile, Mutator, type Sample } from './mutator.ts'
import { type Reply, Wire } from './wire.ts'

const seed = Number(process.env['HOSTILE_SEED'] ?? 20_261_122)
const frames = Number(process.env['HOSTILE_FRAMES'] ?? 20_000)
const lanes = 6

/** Sent before the server is asked whether it is still there. */
const burst = 25

/** A call of each procedure that was accepted, with ids that exist. */
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

/** What no reply may hold, whatever was sent. */
function examine(text: string, sent: readonly Hostile[]): void {
  if (!text.includes('"INTERNAL"') && !text.includes('"stack"')) return
  const { error }: Reply = JSON.parse(text)
  if (error?.data['code'] === 'INTERNAL' || text.includes('"stack":')) {
    const tail = sent
      .map((frame) => ('text' in frame ? frame.text.slice(0, 2_000) : frame.raw.toString('hex')))
      .join('\n')
    throw new Error(`seed ${seed}: ${text}\nafter one of:\n${tail}`)
  }
}

class Lane {
  readonly #server: TestServer
  readonly #name: string
  readonly #mutator: Mutator
  #wire: Wire | undefined
  #bursts = 0
  /** Calls of its own, which are not hostile. */
  own = 0

  constructor(server: TestServer, name: string, mutator: Mutator) {
    this.#server = server
    this.#name = name
    this.#mutator = mutator
  }

  async burst(): Promise<void> {
    const wire = await this.#open()
    const sent: Hostile[] = []
    for (let count = 0; count < burst; count += 1) {
      const frame = this.#mutator.next()
      sent.push(frame)
      if ('text' in frame) wire.ws.send(frame.text)
      else wire.ws.send(frame.raw, { binary: frame.binary })
      if (!('text' in frame)) await this.#settled(wire)
      if (wire.ws.readyState !== WebSocket.OPEN) break
    }
    this.sent += sent.length
    await this.#settled(wire)
    for (const text of wire.texts) examine(text, sent)
    wire.texts.length = 0
    this.#bursts += 1
    if (this.#bursts % 20 === 0) wire.ws.terminate()
  }

  sent = 0

  /** The server has answered everything that was sent, or ended the socket for it. */
  async #settled(wire: Wire): Promise<void> {
    if (wire.ws.readyState !== WebSocket.OPEN) return void (await wire.closed)
    this.own += 1
    const probe = `probe ${this.own}`
    const answered = new Promise<void>((resolve) => {
      const look = (data: Buffer) => {
        if (!data.includes(probe)) return
        wire.ws.off('message', look)
        resolve()
      }
      wire.ws.on('message', look)
    })
    wire.send({ id: probe, method: 'query', params: { path: 'system.info' } })
    await Promise.race([answered, wire.closed])
  }

  /** Half of the lanes are agents, and register again whenever what they sent cost them their identity. */
  async #open(): Promise<Wire> {
    if (this.#wire?.ws.readyState === WebSocket.OPEN) return this.#wire
    let token: string | undefined
    if (this.#name.endsWith('agent')) {
      const agent = await this.#server.agent(this.#name, { role: 'tech-lead' })
      agent.close()
      token = agent.token
      this.own += 1
    }
    this.#wire = await Wire.open(this.#server.url, { hello: token === undefined ? {} : { token } })
    return this.#wire
  }

  close(): void {
    this.#wire?.ws.terminate()
  }
}

/** Somebody who does nothing wrong. */
async function live(client: Client): Promise<void> {
  const { id } = await client.tasks.create({ type: 'healthy' })
  expect(await client.tasks.get({ taskId: id })).toMatchObject({ id, type: 'healthy' })
}

test(`no frame of ${frames} hostile ones, of seed ${seed}, breaks the server`, { timeout: 60_000 }, async () => {
  await using server = await TestServer.start({
    limits: { subscriptions: 4 },
    config: { durability: 'process', devRole: 'admin' },
  })
  const samples = await collect(server)
  const dice = new Dice(seed)
  const crew = Array.from(
    { length: lanes },
    (_, lane) =>
      new Lane(
        server,
        `lane ${lane} ${lane % 2 ? 'agent' : 'developer'}`,
        new Mutator(new Dice(dice.below(2 ** 32)), samples),
      ),
  )
  const healthy = server.connect()
  const before = await callsCounted(server.url)
  let healthyCalls = 0
  let sent = 0
  while (sent < frames) {
    await Promise.all(crew.map((lane) => lane.burst()))
    await live(healthy)
    healthyCalls += 2
    // Leases run out, windows pass, sweeps run.
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
