import { randomUUID } from 'node:crypto'
import { runCall } from '@tony/mcp-server/api/pipeline'
import type { Principal } from '@tony/mcp-server/domain/principal'
import { yieldToEventLoop } from '@tony/mcp-server/platform/clock'
import { createLog } from '@tony/mcp-server/platform/log'
import { Metrics } from '@tony/mcp-server/platform/metrics'
import { describe, expect, test } from 'vitest'
import { ask } from '../access/given.ts'
import { upTo } from '../store/given.ts'
import { dice } from '../support/dice.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { roundsOf } from '../support/rounds.ts'
import type { TestServer } from '../support/server.ts'
import { Wire } from '../transports/wire.ts'

/**
 * The number of races, half of them with the writer lock. Each is several writes at two replicas
 * against one revocation.
 */
const races = roundsOf({ part: 500, full: 10_000, variable: 'RACES' })

/** The number of agents whose races run at the same time. */
const together = 500
const writes = 2

const log = createLog({ logLevel: 'silent', logDir: undefined })
const metrics = new Metrics()

/**
 * Makes a call as a socket does after it has parsed the frame. The race is in the code behind that.
 */
function call(server: TestServer, principal: Principal, path: string, rawInput: unknown): Promise<unknown> {
  const identity = { ok: true, principal } as const
  const connection = { services: server.parts, log, metrics, transport: 'ws', identity } as const
  const { signal } = new AbortController()
  return runCall({ connection, requestId: randomUUID(), path, kind: 'mutation', rawInput, signal })
}

const base = { capabilities: [], expiresAt: Number.POSITIVE_INFINITY } as const

async function outcome(call: Promise<unknown>): Promise<string> {
  const [settled] = await Promise.allSettled([call])
  if (settled.status === 'fulfilled') return 'OK'
  return settled.reason instanceof Error && 'code' in settled.reason ? String(settled.reason.code) : 'INTERNAL'
}

/** Registers agents, each with one session. */
async function agentsOf(replicas: Replicas, project: string, count: number): Promise<Principal[]> {
  const ids = upTo(count).map(() => randomUUID())
  const now = Date.now()
  const agents = ids.map(
    (id) => `('${id}','${project}','agent ${id}','implementation','developer','[]',${now},${now},'{}')`,
  )
  const sessions = ids.map((id) => `('${id}','${project}','${id}',1,'',${now},${now})`)
  await replicas.database.rows(`insert into agents
    (id, project_id, name, type, role, capabilities, registered_at, last_activity, metadata) values ${agents.join()}`)
  await replicas.database.rows(`insert into sessions
    (id, project_id, agent_id, incarnation, refresh_hash, created_at, refreshed_at) values ${sessions.join()}`)
  return ids.map((id) => ({
    ...base,
    subject: id,
    project,
    role: 'developer',
    agent: { id, name: `agent ${id}`, incarnation: 1 },
    sessionId: id,
  }))
}

/**
 * Every agent writes at both replicas, and one replica ends the agent in between. A write after the
 * end must be refused.
 */
async function raceAll(replicas: Replicas, lead: Principal, agents: readonly Principal[], roll: (n: number) => number) {
  const told: string[] = []
  const late: string[] = []
  await Promise.all(
    agents.map(async (principal) => {
      const at = roll(writes + 1)
      const first = roll(2)
      const ends = () =>
        outcome(call(replicas.at(roll(2)), lead, 'auth.revoke', { agent: principal.subject })).then((end) =>
          expect(end).toBe('OK'),
        )
      const write = async (index: number) => {
        const metadata = { write: index }
        told.push(await outcome(call(replicas.at(first + index), principal, 'agents.update', { metadata })))
      }
      const calls = upTo(writes).map((index) => () => write(index))
      const started: Promise<void>[] = []
      for (const start of calls.toSpliced(at, 0, ends)) {
        started.push(start())
        // Calls of one loop turn are committed together, and most writes then precede the end.
        if (roll(2) === 0) await yieldToEventLoop()
      }
      await Promise.all(started)
      late.push(await outcome(call(replicas.at(roll(2)), principal, 'agents.update', { metadata: {} })))
    }),
  )
  return { told, late }
}

const tally = (words: readonly string[]) =>
  Object.fromEntries([...new Set(words)].map((word) => [word, words.filter((other) => other === word).length]))

describe.skipIf(postgresServer === undefined)('a revocation at one of two replicas', () => {
  test.each([true, false])(
    `precedes no write of the revoked caller, in ${races / 2} races, with the writer lock: %s`,
    { timeout: 600_000 },
    async (writerLock) => {
      await using replicas = await Replicas.start({ writerLock })
      const [{ id: project = '' } = {}] = await replicas.database.rows<{ id: string }>('select id from projects')
      const lead: Principal = { ...base, subject: 'developer', project, role: 'tech-lead', agent: undefined }
      const roll = dice(4)
      const told: string[] = []
      for (let done = 0; done < races / 2; done += together) {
        const agents = await agentsOf(replicas, project, Math.min(together, races / 2 - done))
        const round = await raceAll(replicas, lead, agents, roll)
        told.push(...round.told)
        expect(new Set(round.late)).toEqual(new Set(['TOKEN_REVOKED']))
      }
      const [sums] = await replicas.database.rows<{ revoked: number; written: number; after: number }>(`
        select count(*) filter (where e.type = 'session.revoked') as revoked,
               count(*) filter (where e.type = 'agent.updated') as written,
               count(*) filter (where e.type = 'agent.updated' and e.seq > r.seq) as after
        from event_log e
        left join event_log r on r.project_id = e.project_id and r.type = 'session.revoked' and r.subject = e.actor`)
      process.stdout.write(`${races / 2} races, writer lock ${writerLock}: ${JSON.stringify(tally(told))}\n`)
      expect(new Set(told)).toEqual(new Set(['OK', 'TOKEN_REVOKED']))
      const written = told.filter((word) => word === 'OK').length
      expect(sums).toEqual({ revoked: races / 2, written, after: 0 })
    },
  )

  test.each([true, false])(
    'closes sockets and refuses reads at the other within two seconds, notifications: %s',
    async (notify) => {
      await using replicas = await Replicas.start({ notify, config: { devRole: 'admin' } })
      const lead = replicas.first.connect()
      const took: number[] = []
      for (const round of upTo(5)) {
        const { keyId, key } = await lead.auth.keys.create({ name: `key ${round}`, scopes: ['*'] })
        const [agent, other] = [
          await replicas.first.agent(`agent ${round}`),
          await replicas.first.agent(`other ${round}`),
        ]
        const tokens = [agent.token, other.token, key]
        const wires = await Promise.all(
          tokens.map((token) => Wire.open(replicas.second.url, { connectionParams: { token } })),
        )
        for (const wire of wires) expect(await wire.answers()).toBe(true)
        const startedAt = performance.now()
        await lead.auth.revoke({ agent: agent.id })
        await lead.agents.unregister({ agent: other.id })
        await lead.auth.revoke({ keyId })
        for (const wire of wires) expect(await wire.closed).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' })
        took.push(Math.round(performance.now() - startedAt))
        for (const token of tokens) {
          const { status } = await ask(replicas.second, 'tasks.list', token)
          expect(status).toBe(401)
        }
      }
      const [median = 0] = took.toSorted((a, b) => a - b).slice(2)
      process.stdout.write(`sockets of the revoked were closed at the other after ${took.join(', ')} ms\n`)
      expect(median).toBeLessThan(2_000)
    },
  )
})
