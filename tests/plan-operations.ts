import { type Client, TonyError } from '@tony/mcp-client'
import { dice } from './support/dice.ts'
import type { TestServer } from './support/server.ts'

type Lease = { readonly taskId: string; readonly leaseToken: string }
type Roll = ReturnType<typeof dice>

interface Actors {
  readonly lead: Client
  readonly workers: readonly Client[]
  readonly leases: Lease[]
  readonly taskIds: string[]
  readonly roll: Roll
}

const pick = <T>(roll: Roll, from: readonly T[]): T | undefined => from[roll(from.length)]

async function anyTask({ lead, roll, taskIds }: Actors) {
  const taskId = pick(roll, taskIds)
  return taskId === undefined ? undefined : lead.tasks.get({ taskId })
}

/** Creates a task, half of them below or behind another one. */
async function create(actors: Actors): Promise<unknown> {
  const { lead, roll } = actors
  const other = await anyTask(actors)
  const relations = [
    {},
    { parentId: other?.id },
    { dependsOn: [other?.id ?? ''] },
    { waitsFor: [{ taskId: other?.id ?? '', kind: 'failure' as const }] },
    { waitsFor: [{ taskId: other?.id ?? '', kind: 'children' as const }] },
    { epic: 'born here', requires: ['css'], maxAttempts: 5, acceptance: 'verify' as const, metadata: { own: roll(9) } },
    {
      story: 'late',
      locks: [`db:${roll(9)}`],
      onDependencyFailure: 'fail' as const,
      onChildrenEnd: 'complete' as const,
    },
    { scheduleToStartMs: 31_536_000_000, startToCloseMs: 90_000, scheduleToCloseMs: 31_535_000_000 },
  ]
  const relation = other ? pick(roll, relations) : {}
  const task = { type: 'implementation', title: `born ${roll(1_000)}`, design: 'as agreed' }
  const { id } = await lead.tasks.create({ ...task, ...relation })
  return actors.taskIds.push(id)
}

/** Changes a text, the priority or the dependencies of a task. */
async function update(actors: Actors): Promise<unknown> {
  const { lead, roll } = actors
  const task = await anyTask(actors)
  const other = await anyTask(actors)
  if (!task || !other) return undefined
  const changes = [
    { title: `changed ${roll(1_000)}` },
    { description: `changed\n- [ ] ${roll(1_000)}` },
    { priority: (['critical', 'high', 'normal', 'low'] as const)[roll(4)] },
    { assignedTo: pick(roll, ['ada', 'bob', null]) },
    { notes: `a note of ${roll(1_000)}${task.notes === null ? '' : `\n\n${task.notes}`}` },
    { dependsOn: [...task.dependsOn.slice(1), other.id] },
  ]
  return lead.tasks.update({ taskId: task.id, expectedRevision: task.revision, ...pick(roll, changes) })
}

async function claim({ workers, leases, roll }: Actors): Promise<unknown> {
  const { tasks } = (await pick(roll, workers)?.tasks.claim({ leaseMs: 3_600_000 })) ?? { tasks: [] }
  for (const { id, leaseToken } of tasks) leases.push({ taskId: id, leaseToken })
  return undefined
}

/** Ends a lease in one of the ways that an agent has. */
async function endLease({ workers, leases, roll }: Actors): Promise<unknown> {
  const [lease] = leases.splice(roll(Math.max(1, leases.length)), 1)
  const worker = workers[0]
  if (!lease || !worker) return undefined
  const ways = [
    () => worker.tasks.complete({ ...lease, result: { done: `work-${roll(1e6)}` } }),
    () => worker.tasks.complete({ ...lease, result: `work-${roll(1e6)}` }),
    () => worker.tasks.complete(lease),
    () => worker.tasks.fail({ ...lease, error: 'tests are red', retryable: true }),
    () => worker.tasks.fail({ ...lease, error: `fault-${roll(1e6)}`, retryable: false }),
    () => worker.tasks.release(lease),
    () => worker.tasks.progress({ ...lease, percent: 50, message: 'half' }),
    () => worker.tasks.requestInput({ ...lease, question: 'which one?' }),
  ]
  return pick(roll, ways)?.()
}

async function decide(actors: Actors): Promise<unknown> {
  const { lead, roll } = actors
  const task = await anyTask(actors)
  if (!task) return undefined
  const taskId = task.id
  if (task.status === 'in_review') return lead.tasks.verify({ taskId, accept: roll(2) === 0, note: 'seen' })
  if (task.status === 'input_required') return lead.tasks.provideInput({ taskId, answer: 'this one' })
  if (task.status === 'failed' && roll(3) === 0) return lead.tasks.retry({ taskId })
  return roll(12) === 0 ? lead.tasks.cancel({ taskId, reason: 'not needed' }) : undefined
}

const operations = [
  ...[claim, claim, claim, endLease, endLease, endLease, create, update, update, decide, decide],
  async (actors: Actors) => {
    const task = await anyTask(actors)
    return task && actors.lead.tasks.hold({ taskId: task.id, reason: `held ${actors.roll(100)}` })
  },
  async (actors: Actors) => {
    const task = await anyTask(actors)
    return task?.hold ? actors.lead.tasks.unhold({ taskId: task.id }) : undefined
  },
]

const expectedCodes = ['ILLEGAL_TRANSITION', 'STALE_LEASE', 'DEPENDENCY_CYCLE', 'INVALID_INPUT', 'REVISION_CONFLICT']

/** Runs random operations through the real client, as a lead and its agents would. */
export async function runOperations(
  server: TestServer,
  { project, count, seed }: { readonly project: string; readonly count: number; readonly seed: number },
): Promise<void> {
  const lead = server.connect({ project })
  const workers: Client[] = []
  for (const name of ['ada', 'bob']) {
    const clientInstanceId = `instance of ${name}, a secret`
    const { token } = await lead.agents.register({
      name,
      type: 'implementation',
      capabilities: ['css'],
      clientInstanceId,
    })
    workers.push(server.connect({ token }))
  }
  const taskIds: string[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await lead.tasks.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
    taskIds.push(...page.tasks.map(({ id }) => id))
    cursor = page.nextCursor
  }
  const actors: Actors = { lead, workers, leases: [], taskIds, roll: dice(seed) }

  for (let index = 0; index < count; index += 1) {
    const operation = pick(actors.roll, operations)
    await operation?.(actors).catch((error: unknown) => {
      if (!(error instanceof TonyError && expectedCodes.includes(error.code))) throw error
    })
    if (actors.roll(20) === 0) await server.advance(2_000)
  }
}
