import { type Client, createClient, type LeasedTask } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { ReplicaProcesses } from '../support/replica-processes.ts'
import { refusal } from '../support/server.ts'
import { expectNoLoss, shortestLeaseMs } from '../support/standstill.ts'

/** Five times the shortest lease. */
const standstillMs = Number(process.env['STANDSTILL_MS'] ?? 5 * shortestLeaseMs)

/** Clients of the replicas, which end with the test. */
class Clients implements Disposable {
  readonly #clients: Client[] = []

  connect(url = '', token?: string): Client {
    const client = createClient({ url, deadlineMs: 120_000, ...(token === undefined ? {} : { token }) })
    this.#clients.push(client)
    return client
  }

  async agent(lead: Client, url: string | undefined, name: string): Promise<{ client: Client; token: string }> {
    const { token } = await lead.agents.register({ name, type: 'implementation', role: 'developer' })
    return { client: this.connect(url, token), token }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close()
  }
}

const leaseEnds = async (lead: Client) =>
  (await lead.events.list({ types: ['task.expired', 'task.failed'] })).events.map(({ subject }) => subject)

test('the only replica, stopped for longer than its leases, ends none of them, counts no failure and hands out no work twice', async () => {
  await using replicas = await ReplicaProcesses.start(1)
  const [url = ''] = replicas.urls
  await expectNoLoss(url, async () => replicas.children[0]?.standStill(standstillMs))
})

test('while one of two replicas is stopped, holders that reach the other keep their leases, and silent ones lose them once', async () => {
  await using replicas = await ReplicaProcesses.start(2)
  const [stopped, running] = replicas.urls
  using clients = new Clients()
  const lead = clients.connect(running)
  const silent = await clients.agent(lead, stopped, 'silent')
  const beating = await clients.agent(lead, stopped, 'beating')
  const next = await clients.agent(lead, running, 'next')
  for (let index = 0; index < 2; index += 1) await lead.tasks.create({ type: 'code' })
  const lost = await claimOne(silent.client, { leaseMs: shortestLeaseMs })
  const kept = await claimOne(beating.client, { leaseMs: standstillMs })
  // The connection of this agent has moved to the other replica, as a balancer moves it.
  const moved = clients.connect(running, beating.token)
  let isOver = false
  const standstill = replicas.children[0]?.standStill(standstillMs).then(() => {
    isOver = true
  })
  const taken: LeasedTask[] = []
  while (!isOver) {
    expect((await moved.agents.heartbeat({ leases: [leaseOf(kept)] })).lost).toEqual([])
    // It waits for a second if there is nothing to claim.
    const { tasks } = await next.client.tasks.claim({ waitMs: 1_000, leaseMs: 600_000 })
    taken.push(...tasks)
  }
  await standstill
  expect(taken.map(({ id }) => id)).toEqual([lost.id])
  // The replica is back. It neither returns the task to its first holder nor grants its absence.
  expect(await refusal(silent.client.tasks.complete(leaseOf(lost)))).toMatchObject({ code: 'STALE_LEASE' })
  expect((await beating.client.agents.heartbeat({ leases: [leaseOf(kept)] })).lost).toEqual([])
  expect(await beating.client.tasks.complete(leaseOf(kept))).toMatchObject({ status: 'completed' })
  for (const task of taken) {
    expect(await lead.tasks.get({ taskId: task.id })).toMatchObject({ leaseExpiresAt: task.leaseExpiresAt })
    expect(await next.client.tasks.complete(leaseOf(task))).toMatchObject({ status: 'completed' })
  }
  expect(await leaseEnds(lead)).toEqual([lost.id])
  expect(await lead.tasks.get({ taskId: kept.id })).toMatchObject({ attempt: 1, failures: 0 })
})
