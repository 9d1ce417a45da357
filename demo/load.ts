/**
 * An open loop of calls beside the plan, in a process of its own: each call is due at a moment that was fixed before, however
 * long those before it take, and its time counts from then. In a project of its own. Started with what it must know as JSON.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type CallRecord, createClient, TonyError } from '@tony/mcp-client'
import { History, hashOf } from './history.ts'
import { loadProject } from './misbehaviour.ts'

interface Orders {
  readonly url: string
  readonly folder: string
  readonly calls: number
  readonly perSecond: number
}

/** What became of the calls. Times in milliseconds, from the moment a call was due. */
export interface LoadFigures {
  readonly calls: number
  readonly perSecond: number
  readonly inTime: number
  readonly late: number
  /** How many failed, by code. */
  readonly failed: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
  readonly worst: number
}

const { url, folder, calls, perSecond }: Orders = JSON.parse(process.argv[2] ?? '{}')
const workers = 20
const inTimeMs = 5_000

/** Of a task or a message that a worker holds: what was handed out to a reply that was lost comes again after it. */
const leaseMs = 30_000

async function worker(name: string) {
  const history = new History(join(folder, `load-${name}.jsonl`), name)
  const onCall = (record: CallRecord) => history.onCall(record)
  // No heartbeats: they would give up every lease they do not list.
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

type Worker = Awaited<ReturnType<typeof worker>>

const admin = createClient({ url, deadlineMs: 60_000 })
await admin.projects.create({ name: loadProject })
admin.close()
const lead = createClient({ url, project: loadProject, deadlineMs: 60_000 })
const names = Array.from({ length: workers }, (_, index) => `loader-${index + 1}`)
const all: Worker[] = []
for (const name of names) all.push(await worker(name))

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

/** One after the other: what is made is taken and done, so that the backlog stays short. */
const kinds: readonly ((one: Worker, index: number) => Promise<unknown>)[] = [
  (_, index) => lead.tasks.create({ type: 'load', metadata: { index } }),
  ({ agent }, index) =>
    agent.client.messages.send({ to: names[(index * 7) % workers] ?? '', type: 'load', payload: { index } }),
  (one) => claim(one),
  (one) => receive(one),
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

const took: number[] = []
const failed: Record<string, number> = {}

async function call(index: number, due: number): Promise<void> {
  const one = all[index % workers]
  const kind = kinds[Math.floor(index / workers) % kinds.length]
  if (!one || !kind) return
  try {
    await kind(one, index)
    took.push(performance.now() - due)
  } catch (error) {
    const code = error instanceof TonyError ? error.code : String(error)
    failed[code] = (failed[code] ?? 0) + 1
    one.history.remark('failed', { kind: kinds.indexOf(kind), error: String(error), ms: performance.now() - due })
  }
}

const begun = performance.now()
const pending = new Set<Promise<void>>()
for (let issued = 0; issued < calls; await wait(2)) {
  for (; issued < calls && issued < ((performance.now() - begun) / 1_000) * perSecond; issued += 1) {
    const one = call(issued, begun + (issued / perSecond) * 1_000)
    pending.add(one)
    void one.finally(() => pending.delete(one))
  }
}
process.send?.('issued')
await Promise.all(pending)

async function isOver(): Promise<boolean> {
  const open = await Promise.all(
    (['pending', 'in_progress'] as const).map((status) => lead.tasks.list({ status, limit: 1 })),
  )
  return open.every(({ tasks }) => tasks.length === 0)
}

/** What was held for too long has been handed to somebody else. */
async function unlessStale(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof TonyError && /^STALE_(LEASE|RECEIPT)$/.test(error.code))) throw error
  })
}

/** What is left of the work is done, so that it can be seen that all of it ended. */
async function finish(one: Worker): Promise<void> {
  const { agent, leases, receipts } = one
  for (const lease of leases.splice(0)) await unlessStale(agent.client.tasks.complete(lease))
  for (const receipt of receipts.splice(0)) await unlessStale(agent.client.messages.ack(receipt))
  await claim(one, 10)
  await receive(one, 50)
}

/** Longer than anything that was handed out is held. */
const quietMs = leaseMs + 5_000
let quietSince = performance.now()
let tasksOverAt = 0
while (performance.now() - quietSince < quietMs) {
  await Promise.all(all.map(finish))
  const busy = all.some(({ leases, receipts }) => leases.length + receipts.length > 0)
  if (busy || !(await isOver())) quietSince = performance.now()
  else if (tasksOverAt < quietSince) {
    tasksOverAt = performance.now()
    process.send?.('tasks over')
  }
  await wait(100)
}
const sorted = took.toSorted((a, b) => a - b)
const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN)
const inTime = sorted.filter((ms) => ms <= inTimeMs).length
const figures: LoadFigures = {
  calls,
  perSecond,
  inTime,
  late: sorted.length - inTime,
  failed,
  p50: at(0.5),
  p99: at(0.99),
  worst: at(1),
}
process.send?.(figures)
for (const { agent, history } of all) {
  await agent.stop()
  history.close()
}
lead.close()
process.disconnect()
process.exit(0)
