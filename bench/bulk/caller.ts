/**
 * The caller of the bulk bench: it makes the largest bulk calls there are, one after another,
 * until the round is over.
 */
import { type Client, createClient } from '@tony/mcp-client'
import { serveJobs } from '../child.ts'

export const bulkKinds = ['createMany', 'sendMany', 'plan'] as const
export type BulkKind = (typeof bulkKinds)[number]

export interface BulkJob {
  readonly kind: BulkKind
  readonly seconds: number
  /** Number of tasks in the plan. */
  readonly planTasks: number
}

export interface BulkResult {
  readonly calls: number
  readonly seconds: number
}

const [url = ''] = process.argv.slice(2)

/** No agent has this capability, so the agents do not take these tasks. */
const requires = ['bulk']

async function commitPlan(client: Client, size: number): Promise<number> {
  const { planId } = await client.plans.begin({ name: 'bulk' })
  for (let start = 0; start < size; start += 200) {
    const tasks = Array.from({ length: Math.min(200, size - start) }, (_, index) => ({
      type: 'bulk',
      externalId: `${planId} ${start + index}`,
      requires,
      dependsOn: index === 0 ? [] : [`${planId} ${start + index - 1}`],
    }))
    await client.plans.add({ planId, tasks })
  }
  const began = performance.now()
  await client.plans.commit({ planId })
  return (performance.now() - began) / 1_000
}

async function makeCalls(client: Client, kind: Exclude<BulkKind, 'plan'>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000
  let calls = 0
  for (; performance.now() < end; calls += 1) {
    if (kind === 'createMany')
      await client.tasks.createMany({ tasks: Array.from({ length: 200 }, () => ({ type: 'bulk', requires })) })
    else
      await client.messages.sendMany({
        messages: Array.from({ length: 100 }, () => ({ to: '*', type: 'bulk', payload: { text: 'to all' } })),
      })
  }
  return calls
}

async function run({ kind, seconds, planTasks }: BulkJob): Promise<BulkResult> {
  const client = createClient({ url, deadlineMs: 600_000 })
  const began = performance.now()
  const plan = kind === 'plan' ? { calls: 1, seconds: await commitPlan(client, planTasks) } : undefined
  const calls = kind === 'plan' ? 1 : await makeCalls(client, kind, seconds)
  client.close()
  return plan ?? { calls, seconds: (performance.now() - began) / 1_000 }
}

serveJobs(run)
