/**
 * An open loop of calls beside the plan, in its own process and its own project. The due time of
 * each call is fixed in advance and does not depend on earlier calls, and the latency of a call
 * counts from its due time. The parameters are passed as JSON.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type CallRecord, createClient, TonyError } from '@tony/mcp-client'
import { History, hashOf } from './history.ts'
import { loadProject } from './misbehaviour.ts'

interface LoadParams {
  readonly url: string
  readonly folder: string
  readonly calls: number
  readonly perSecond: number
}

/** The results of the calls. Times are in milliseconds from the due time of a call. */
export interface LoadStats {
  readonly calls: number
  readonly perSecond: number
  readonly inTime: number
  readonly late: number
  /** Number of failed calls, by code. */
  readonly failed: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
  readonly worst: number
}

const { url, folder, calls, perSecond }: LoadParams = JSON.parse(process.argv[2] ?? '{}')
const workerCount = 20
const inTimeMs = 5_000

/**
 * Length of a lease and of an ack deadline, in milliseconds. A task or message whose reply was lost
 * comes again after it.
 */
const leaseMs = 30_000

async function createWorker(name: string) {
  const history = new History(join(folder, `load-${name}.jsonl`), name)
  const onCall = (record: CallRecord) => history.onCall(record)
  // No heartbeats, because a heartbeat would release every lease that it does not list.
  const settings = {
    heartbeatMs: 3_600_000,
    registerWithinMs: 60_000,
    deadlineMs: 60_000,
    project: loadProject,
    onCall,
  }
  const agent = await Agent.register({
    url,
    name,
    type: 'implementation',
    clientInstanceId: `${name} of the load`,
    ...settings,
  })
  return { name, history, agent, leases: [] as Lease[], receipts: [] as Receipt[] }
}

interface Lease {
  readonly taskId: string
  readonly leaseToken: string
}

interface Receipt {
  readonly messageId: string
  readonly receipt: string
}

type Worker = Awaited<ReturnType<typeof createWorker>>

const admin = createClient({ url, deadlineMs: 60_000 })
await admin.projects.create({ name: loadProject })
admin.close()
const lead = createClient({ url, project: loadProject, deadlineMs: 60_000 })
const names = Array.from({ length: workerCount }, (_, index) => `loader-${index + 1}`)
const workers: Worker[] = []
for (const name of names) workers.push(await createWorker(name))

async function claim({ agent, leases, history }: Worker, limit = 1): Promise<number> {
  const { tasks } = await agent.client.tasks.claim({ limit, leaseMs })
  for (const { id, leaseToken, attempt } of tasks) {
    history.note('start', { taskId: id, attempt })
    leases.push({ taskId: id, leaseToken })
  }
  return tasks.length
}

async function receive({ agent, receipts, history }: Worker, limit = 1): Promise<number> {
  const { messages } = await agent.client.messages.receive({ limit, ackWaitMs: leaseMs })
  for (const { id, receipt, attempt, payload, redrives, to } of messages) {
    history.note('deliver', { messageId: id, receipt, attempt, payloadHash: hashOf(payload), agentId: to, redrives })
    receipts.push({ messageId: id, receipt })
  }
  return messages.length
}

/**
 * The calls, one after the other. Created work is also claimed and completed, so the backlog stays
 * short.
 */
const operations: readonly ((worker: Worker, index: number) => Promise<unknown>)[] = [
  (_, index) => lead.tasks.create({ type: 'load', metadata: { index } }),
  ({ agent }, index) =>
    agent.client.messages.send({ to: names[(index * 7) % workerCount] ?? '', type: 'load', payload: { index } }),
  (worker) => claim(worker),
  (worker) => receive(worker),
  ({ agent, leases }) => {
    const lease = leases.shift()
    return lease ? agent.client.tasks.complete(lease) : agent.client.tasks.list({ limit: 5 })
  },
  ({ agent, receipts }) => {
    const receipt = receipts.shift()
    return receipt ? agent.client.messages.ack(receipt) : agent.client.messages.list({ limit: 5 })
  },
  ({ agent }) => agent.client.projects.get({}),
]

const latencies: number[] = []
const failed: Record<string, number> = {}

async function makeCall(index: number, due: number): Promise<void> {
  const worker = workers[index % workerCount]
  const operation = operations[Math.floor(index / workerCount) % operations.length]
  if (!worker || !operation) return
  try {
    await operation(worker, index)
    latencies.push(performance.now() - due)
  } catch (error) {
    const code = error instanceof TonyError ? error.code : String(error)
    failed[code] = (failed[code] ?? 0) + 1
    worker.history.remark('failed', {
      kind: operations.indexOf(operation),
      error: String(error),
      ms: performance.now() - due,
    })
  }
}

const startedAt = performance.now()
const pending = new Set<Promise<void>>()
for (let issued = 0; issued < calls; await wait(2)) {
  for (; issued < calls && issued < ((performance.now() - startedAt) / 1_000) * perSecond; issued += 1) {
    const call = makeCall(issued, startedAt + (issued / perSecond) * 1_000)
    pending.add(call)
    void call.finally(() => pending.delete(call))
  }
}
process.send?.('issued')
await Promise.all(pending)

async function haveTasksEnded(): Promise<boolean> {
  const open = await Promise.all(
    (['pending', 'in_progress'] as const).map((status) => lead.tasks.list({ status, limit: 1 })),
  )
  return open.every(({ tasks }) => tasks.length === 0)
}

/** Ignores a stale lease or receipt: the work was held too long and went to another worker. */
async function ignoreStale(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof TonyError && /^STALE_(LEASE|RECEIPT)$/.test(error.code))) throw error
  })
}

/** Completes the rest of the work, so that the history shows the end of all of it. */
async function finishWork(worker: Worker): Promise<void> {
  const { agent, leases, receipts } = worker
  for (const lease of leases.splice(0)) await ignoreStale(agent.client.tasks.complete(lease))
  for (const receipt of receipts.splice(0)) await ignoreStale(agent.client.messages.ack(receipt))
  await claim(worker, 10)
  await receive(worker, 50)
}

/** Idle time after which the load ends, in milliseconds: longer than any lease. */
const idleMs = leaseMs + 5_000
let idleSince = performance.now()
let tasksEndedAt = 0
while (performance.now() - idleSince < idleMs) {
  await Promise.all(workers.map(finishWork))
  const busy = workers.some(({ leases, receipts }) => leases.length + receipts.length > 0)
  if (busy || !(await haveTasksEnded())) idleSince = performance.now()
  else if (tasksEndedAt < idleSince) {
    tasksEndedAt = performance.now()
    process.send?.('tasks_ended')
  }
  await wait(100)
}
const sorted = latencies.toSorted((a, b) => a - b)
const quantile = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN)
const inTime = sorted.filter((ms) => ms <= inTimeMs).length
const stats: LoadStats = {
  calls,
  perSecond,
  inTime,
  late: sorted.length - inTime,
  failed,
  p50: quantile(0.5),
  p99: quantile(0.99),
  worst: quantile(1),
}
process.send?.(stats)
for (const { agent, history } of workers) {
  await agent.stop()
  history.close()
}
lead.close()
process.disconnect()
process.exit(0)
