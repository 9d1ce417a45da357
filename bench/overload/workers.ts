/**
 * The workers of the overload bench: each holds a lease for a whole phase and sends a heartbeat
 * every third of it, as the client library does.
 */
import { type Client, createClient } from '@tony/mcp-client'
import { codeOf, serveJobs } from '../child.ts'
import { registerAgents } from '../load/fleet.ts'
import { percentile } from '../statistics.ts'

export interface WorkersJob {
  readonly seconds: number
}

export interface WorkersResult {
  readonly leases: number
  /** Leases that a heartbeat or the final completion did not find. */
  readonly lost: number
  /** Heartbeats that failed, by code. */
  readonly failures: Readonly<Record<string, number>>
  readonly heartbeats: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const [url = '', perLease = '10'] = process.argv.slice(2)
const leases = [5_000, 10_000, 30_000]
const deadlineMs = 120_000

interface Worker {
  readonly client: Client
  readonly leaseMs: number
}

const capability = 'held'

async function createWorkers(): Promise<readonly Worker[]> {
  const agents = await registerAgents(url, 'worker', Number(perLease) * leases.length, [capability])
  return agents.map(({ client }, index) => ({ client, leaseMs: leases[index % leases.length] ?? 5_000 }))
}

const ready = createWorkers()

async function run({ seconds }: WorkersJob): Promise<WorkersResult> {
  const workers = await ready
  const lead = createClient({ url, deadlineMs })
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  const countFailure = (error: unknown) => {
    const code = codeOf(error)
    failures[code] = (failures[code] ?? 0) + 1
  }
  let lost = 0
  const hold = async ({ client, leaseMs }: Worker) => {
    await lead.tasks.create({ type: 'held', requires: [capability], priority: 'critical' })
    const { tasks } = await client.tasks.claim({ leaseMs, waitMs: 60_000 })
    const [task] = tasks
    if (!task) throw new Error('a worker got no task')
    const held = { taskId: task.id, leaseToken: task.leaseToken }
    const end = performance.now() + seconds * 1_000
    let isLost = false
    while (performance.now() < end && !isLost) {
      const start = performance.now()
      const reply = await client.agents.heartbeat({ leases: [held] }).catch(countFailure)
      latencies.push(performance.now() - start)
      isLost = (reply?.lost.length ?? 0) > 0
      const pause = Math.min(leaseMs / 3 - (performance.now() - start), end - performance.now())
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, pause)))
    }
    const completed = await client.tasks.complete(held).catch(() => undefined)
    if (isLost || !completed) lost += 1
  }
  await Promise.all(workers.map(hold))
  lead.close()
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    leases: workers.length,
    lost,
    failures,
    heartbeats: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
  }
}

serveJobs(run)
