/**
 * The agents of the bulk bench at normal work: each claims a task and completes it, a few times a
 * second, and sends heartbeats.
 */
import { type Client, createClient } from '@tony/mcp-client'
import { codeOf, serveJobs } from '../child.ts'
import { registerAgents } from '../load/fleet.ts'
import { percentile } from '../statistics.ts'

export interface AgentsJob {
  readonly seconds: number
}

/** Milliseconds that claims and heartbeats took. */
export interface AgentsResult {
  readonly claims: number
  readonly claimP50Ms: number
  readonly claimP99Ms: number
  readonly claimMaxMs: number
  readonly beatP99Ms: number
  readonly beatMaxMs: number
  /** Calls that failed, by code. */
  readonly failures: Readonly<Record<string, number>>
}

const [url = '', count = '50'] = process.argv.slice(2)
const deadlineMs = 120_000
/** Claims of an agent per second. */
const perSecond = 4
const capability = 'normal work'

const ready = registerAgents(url, 'agent', Number(count), [capability])

async function createTasks(wanted: number): Promise<void> {
  const lead = createClient({ url, deadlineMs })
  const task = { type: 'normal', requires: [capability] }
  for (let made = 0; made < wanted; made += 200)
    await lead.tasks.createMany({ tasks: Array.from({ length: 200 }, () => task) })
  lead.close()
}

async function run({ seconds }: AgentsJob): Promise<AgentsResult> {
  const agents = (await ready).map(({ client }) => client)
  await createTasks(agents.length * seconds * perSecond)
  const [claims, beats]: [number[], number[]] = [[], []]
  const failures: Record<string, number> = {}
  const end = performance.now() + seconds * 1_000
  const timed = async <T>(latencies: number[], call: () => Promise<T>): Promise<T | undefined> => {
    const start = performance.now()
    try {
      return await call()
    } catch (error) {
      const code = codeOf(error)
      failures[code] = (failures[code] ?? 0) + 1
      return undefined
    } finally {
      latencies.push(performance.now() - start)
    }
  }
  const work = async (client: Client, index: number) => {
    // The agents do not begin together.
    await new Promise((resolve) => setTimeout(resolve, (index / agents.length) * (1_000 / perSecond)))
    while (performance.now() < end) {
      const start = performance.now()
      const reply = await timed(claims, () => client.tasks.claim({}))
      for (const { id, leaseToken } of reply?.tasks ?? []) {
        const held = { taskId: id, leaseToken }
        await timed(beats, () => client.agents.heartbeat({ leases: [held] }))
        await client.tasks.complete(held).catch(() => undefined)
      }
      const pause = 1_000 / perSecond - (performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, pause)))
    }
  }
  await Promise.all(agents.map(work))
  const [sortedClaims, sortedBeats] = [claims.toSorted((a, b) => a - b), beats.toSorted((a, b) => a - b)]
  return {
    claims: claims.length,
    claimP50Ms: percentile(sortedClaims, 0.5),
    claimP99Ms: percentile(sortedClaims, 0.99),
    claimMaxMs: sortedClaims.at(-1) ?? 0,
    beatP99Ms: percentile(sortedBeats, 0.99),
    beatMaxMs: sortedBeats.at(-1) ?? 0,
    failures,
  }
}

serveJobs(run)
