/**
 * Measures the time from a call that an idle session should read to its wake: `npm run bench:wake`.
 * The server is a process of its own. This process has 50 sessions with their bridges, on hosts
 * that stand in for those of each provider, and it is the sender. In each of four rounds it calls
 * for all sessions at the same time: cancels of their tasks and answers to their questions, and
 * then steering messages three times. Two times are measured from the start of the call: until the
 * sender's feed has `wake.requested`, and until the provider has the text. Exits with 1 if the
 * 99th percentile of the first one is above 2 s.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '@tony/mcp-bridge/clock'
import { type Client, createClient } from '@tony/mcp-client'
import Database from 'better-sqlite3'
import { openStandIn, type StandIn } from '../tests/bridge/wakeable.ts'
import { RestartingServer } from '../tests/support/restarting.ts'
import { percentile } from './statistics.ts'

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '50' } } })
const kinds = ['channel', 'stop_hook', 'codex_queue', 'command'] as const
const limitMs = 2_000

const folder = mkdtempSync(join(tmpdir(), 'tony-wake-'))
const file = join(folder, 'wake.db')
await using server = await RestartingServer.start({ DATABASE_PATH: file })
const database = new Database(file, { readonly: true })
const isIdle = database.prepare('select 1 from idle_sessions where agent_id = ?')

/** Waits until the server has a session as idle. Only its store tells it. */
async function waitUntilIdle(agentId: string, end: () => Promise<void>): Promise<void> {
  await end()
  while (isIdle.get(agentId) === undefined) await wait(5)
}

/** Runs a turn of the model of a session, which reads what there is. */
async function runTurn({ host, endTurn, agentId }: StandIn, act: () => Promise<unknown>): Promise<void> {
  await act()
  await waitUntilIdle(agentId, async () => {
    while ((await endTurn()) !== '') await host.did('inbox')
  })
}

const isWake = (data: unknown): data is { readonly agentId: string } =>
  typeof data === 'object' && data !== null && 'agentId' in data

/** The wakes that the feed of the sender has had, by their agent. */
class RequestedWakes {
  readonly #waiters = new Map<string, () => void>()

  async follow(lead: Client): Promise<void> {
    for await (const { data } of lead.events.subscribe({ types: ['wake.requested'] }))
      if (isWake(data)) this.#waiters.get(data.agentId)?.()
  }

  next(agentId: string): Promise<void> {
    return new Promise((resolve) => this.#waiters.set(agentId, resolve))
  }
}

const times = { requested: [] as number[], told: [] as number[] }

/** Makes a call for a session and waits for its wake. */
async function wake(wakes: RequestedWakes, { agentId, wakeTexts }: StandIn, call: () => Promise<unknown>) {
  const before = wakeTexts().length
  const requested = wakes.next(agentId)
  const startedAt = performance.now()
  await Promise.all([call(), requested.then(() => times.requested.push(performance.now() - startedAt))])
  while (wakeTexts().length === before) await wait(2)
  times.told.push(performance.now() - startedAt)
}

/** Gives each session a task that it holds, or about which it has asked. */
async function giveTasks(lead: Client, sessions: readonly StandIn[]): Promise<Map<StandIn, () => Promise<unknown>>> {
  const calls = new Map<StandIn, () => Promise<unknown>>()
  for (const [index, session] of sessions.entries()) {
    const { id: taskId } = await lead.tasks.create({ type: 'code' })
    await runTurn(session, async () => {
      await session.host.did('next_task')
      if (index % 2 === 0) await session.host.did('ask', { taskId, question: 'which?' })
    })
    calls.set(
      session,
      index % 2 === 0 ? () => lead.tasks.provideInput({ taskId, answer: 1 }) : () => lead.tasks.cancel({ taskId }),
    )
  }
  return calls
}

const site = { url: server.url, folder, clock: systemClock }
const lead = createClient({ url: server.url })
const sessions: StandIn[] = []
for (let count = 0; count < Number(values.sessions); count += 1)
  sessions.push(await openStandIn(site, kinds[count % kinds.length] ?? 'command', waitUntilIdle))
const wakes = new RequestedWakes()
const following = wakes.follow(lead).catch(() => undefined)
const calls = await giveTasks(lead, sessions)
await Promise.all(sessions.map((session) => wake(wakes, session, async () => calls.get(session)?.())))
for (let round = 0; round < 3; round += 1) {
  for (const session of sessions) await runTurn(session, () => session.host.did('inbox'))
  const steer = { type: 'note', payload: round, mode: 'steer' as const }
  await Promise.all(
    sessions.map((session) => wake(wakes, session, () => lead.messages.send({ to: session.agentId, ...steer }))),
  )
}
lead.close()
await following
await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()))
database.close()

for (const [name, samples] of Object.entries(times)) {
  const sorted = samples.toSorted((a, b) => a - b)
  const [p50, p99, longest] = [0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(0))
  console.log(`${name}: p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms, ${sorted.length} wakes`)
}
if (
  percentile(
    times.requested.toSorted((a, b) => a - b),
    0.99,
  ) > limitMs
)
  process.exitCode = 1
rmSync(folder, { recursive: true, force: true })
