import { Agent, createClient, type WorkContext } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { counter } from '../client/agents.ts'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { ReplicaProcesses } from '../support/replica-processes.ts'

const drainMs = 1_000
const tasks = 120

/** Returns the number of connections that have left the first replica. */
const moved = (before: readonly number[], now: readonly number[]): number => (before[0] ?? 0) - (now[0] ?? 0)

/**
 * Starts an agent that reads its inbox in a loop. The client does not repeat this call, so each one
 * must be answered.
 */
async function readOn(url: string, name: string): Promise<{ stop(): Promise<void> }> {
  const agent = await Agent.register({ url, name, type: 'implementation' })
  let stopping = false
  const reading = (async () => {
    while (!stopping) await agent.client.messages.receive({})
  })()
  return {
    stop: async () => {
      stopping = true
      await reading
      await agent.stop()
    },
  }
}

describe.skipIf(postgresServer === undefined)('a replica that is terminated while agents work through it', () => {
  test('is not ready at once, hands its clients over without an error or a lost lease, and exits with 0', async () => {
    await using replicas = await ReplicaProcesses.start(2, { MCP_DRAIN_MS: String(drainMs) })
    const { balancer, children, urls } = replicas
    const [leaving] = children
    const [leavingUrl] = urls
    const errors: unknown[] = []
    const done = counter(tasks)
    const mail = counter(tasks)
    const under = counter(10)
    const seen = new Set<unknown>()
    const agents = await Promise.all(
      upTo(8).map((index) =>
        Agent.register({ url: balancer.url, name: `agent ${index}`, type: 'implementation', heartbeatMs: 3_000 }),
      ),
    )
    const before = balancer.connections
    expect(Math.min(...before)).toBeGreaterThan(0)
    for (const [index, agent] of agents.entries()) {
      const onError = (error: unknown) => errors.push(error)
      agent.onMessage(
        ({ payload }) => {
          seen.add(payload)
          mail.up()
        },
        { onError },
      )
      const work = async ({ id }: { readonly id: string }, { progress }: WorkContext) => {
        for (const percent of upTo(10)) await progress({ percent })
        const to = `agent ${((index + 1) % agents.length) + 1}`
        await agent.client.messages.send({ to, type: 'done', payload: id })
        done.up()
        under.up()
      }
      agent.work(work, { slots: 2, onError })
    }
    const readers = await Promise.all(upTo(4).map((index) => readOn(balancer.url, `reader ${index}`)))
    const lead = createClient({ url: balancer.url })
    await lead.tasks.createMany({ tasks: upTo(tasks).map(() => ({ type: 'code' })) })
    await under.reached
    const startedAt = performance.now()
    leaving?.terminate()
    // The replica is ready until the signal arrives, and it replies until it has ended.
    while ((await fetch(`${leavingUrl}/readyz`)).status === 200);
    expect((await fetch(`${leavingUrl}/readyz`)).status).toBe(503)
    expect(await leaving?.end()).toMatchObject({ code: 0, signal: null })
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeLessThan(25_000)
    expect(moved(before, balancer.connections)).toBe(before[0])
    await Promise.all([done.reached, mail.reached])
    await Promise.all([...agents, ...readers].map((one) => one.stop()))
    lead.close()
    expect(errors).toEqual([])
    const rows = await replicas.database.rows<{ status: string; attempt: number; failures: number; tasks: number }>(
      'select status, attempt, failures, count(*) as tasks from tasks group by 1, 2, 3',
    )
    expect(rows).toEqual([{ status: 'completed', attempt: 1, failures: 0, tasks }])
    expect(await replicas.database.rows("select id from messages where retry_count > 1 or status <> 'acked'")).toEqual(
      [],
    )
    expect(seen.size).toBe(tasks)
  })
})
