import type { Client } from '@tony/mcp-client'
import { type TaskStatus, taskStatuses } from '@tony/mcp-shared/task-statuses'
import { type TaskTransition, taskTransitions } from '@tony/mcp-shared/task-transitions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'
import { claimOne, leaseOf } from './given.ts'

type Spec = Parameters<Client['tasks']['create']>[0]
type Lease = ReturnType<typeof leaseOf>

const hour = 3_600_000

interface World {
  readonly server: TestServer
  readonly lead: Client
  readonly ada: TestAgent
  readonly bob: TestAgent
}

/** The state of a task in which the verb is called. */
interface Given {
  readonly taskId: string
  /** The dependency that blocks the task. */
  readonly gate: string
  /** The latest lease, if it is current; otherwise the one before. */
  readonly lease: Lease
}

interface Verb {
  readonly move: TaskTransition
  /** Options of the task. */
  readonly spec?: Partial<Spec>
  /** True if the task has an orphan result. */
  readonly late?: true
  /** The statuses that allow the call, if they differ from the transitions of the contract. */
  readonly from?: readonly TaskStatus[]
  /** The error in all other statuses; `nothing` if there is no error and no effect. */
  readonly refused: 'STALE_LEASE' | 'ILLEGAL_TRANSITION' | 'nothing'
  readonly run: (world: World, given: Given) => Promise<unknown>
}

async function expire({ server, ada }: World, taskId: string): Promise<Lease> {
  const lease = leaseOf(await claimOne(ada, { leaseMs: 5_000 }))
  expect(lease.taskId).toBe(taskId)
  await server.advance(5_000)
  return lease
}

/**
 * Brings a task, which ada has claimed and released once, into a status by calls. Returns the lease
 * to try.
 */
const bringing: Readonly<Record<TaskStatus, (world: World, given: Given) => Promise<Lease>>> = {
  blocked: async ({ lead }, { taskId, gate, lease }) => {
    const { revision } = await lead.tasks.get({ taskId })
    await lead.tasks.update({ taskId, expectedRevision: revision, dependsOn: [gate] })
    return lease
  },
  pending: (world, { taskId }) => expire(world, taskId),
  in_progress: async ({ ada }) => leaseOf(await claimOne(ada, { leaseMs: hour })),
  input_required: async ({ ada }, { lease }) => {
    await ada.tasks.requestInput({ ...leaseOf(await claimOne(ada)), question: 'which?' })
    return lease
  },
  in_review: async ({ ada }, { lease }) => {
    await ada.tasks.complete(leaseOf(await claimOne(ada)))
    return lease
  },
  completed: async ({ ada, lead }, { taskId, lease }) => {
    const { status } = await ada.tasks.complete(leaseOf(await claimOne(ada)))
    if (status === 'in_review') await lead.tasks.verify({ taskId, accept: true })
    return lease
  },
  failed: async ({ ada }, { lease }) => {
    await ada.tasks.fail({ ...leaseOf(await claimOne(ada)), error: 'never', retryable: false })
    return lease
  },
  cancelled: async ({ lead }, { taskId, lease }) => {
    await lead.tasks.cancel({ taskId })
    return lease
  },
}

const verify = { acceptance: 'verify' } as const

const verbs: Readonly<Record<string, Verb>> = {
  'the completion of its last dependency': {
    move: 'unblock',
    refused: 'nothing',
    run: async ({ bob }) => bob.tasks.complete(leaseOf(await claimOne(bob))),
  },
  claim: { move: 'claim', refused: 'nothing', run: ({ ada }) => ada.tasks.claim({}) },
  extend: { move: 'extend', refused: 'STALE_LEASE', run: ({ ada }, { lease }) => ada.tasks.extend(lease) },
  progress: {
    move: 'progress',
    refused: 'STALE_LEASE',
    run: ({ ada }, { lease }) =>
      ada.tasks.progress({ ...lease, percent: 1, artifacts: [{ name: 'a', uri: 'file:a' }] }),
  },
  complete: { move: 'complete', refused: 'STALE_LEASE', run: ({ ada }, { lease }) => ada.tasks.complete(lease) },
  'complete, to be verified': {
    move: 'submit',
    spec: verify,
    refused: 'STALE_LEASE',
    run: ({ ada }, { lease }) => ada.tasks.complete({ ...lease, result: 1, artifacts: [{ name: 'a', uri: 'file:a' }] }),
  },
  'verify, accepting': {
    move: 'accept',
    spec: verify,
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.verify({ taskId, accept: true }),
  },
  'verify, rejecting': {
    move: 'reject',
    spec: verify,
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.verify({ taskId, accept: false, note: 'no tests' }),
  },
  'fail with attempts left': {
    move: 'backOff',
    refused: 'STALE_LEASE',
    run: ({ ada }, { lease }) => ada.tasks.fail({ ...lease, error: 'again' }),
  },
  'fail for good': {
    move: 'fail',
    refused: 'STALE_LEASE',
    run: ({ ada }, { lease }) => ada.tasks.fail({ ...lease, error: 'never', retryable: false }),
  },
  release: { move: 'release', refused: 'STALE_LEASE', run: ({ ada }, { lease }) => ada.tasks.release(lease) },
  'the end of a lease': { move: 'expire', refused: 'nothing', run: ({ server }) => server.advance(hour) },
  'the end of its time': {
    move: 'timeOut',
    spec: { scheduleToCloseMs: 600_000 },
    refused: 'nothing',
    run: ({ server }) => server.advance(600_000),
  },
  'the failure of its dependency': {
    move: 'cascade',
    spec: { onDependencyFailure: 'fail' },
    refused: 'nothing',
    run: ({ lead }, { gate }) => lead.tasks.cancel({ taskId: gate }),
  },
  requestInput: {
    move: 'requestInput',
    refused: 'STALE_LEASE',
    run: ({ ada }, { lease }) => ada.tasks.requestInput({ ...lease, question: 'which?', details: 1 }),
  },
  provideInput: {
    move: 'provideInput',
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.provideInput({ taskId, answer: 'this' }),
  },
  retry: {
    move: 'retry',
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.retry({ taskId }),
  },
  retryMany: {
    move: 'retry',
    refused: 'nothing',
    run: ({ lead }, { taskId }) => lead.tasks.retryMany({ filter: { taskIds: [taskId] } }),
  },
  adopt: {
    move: 'adopt',
    late: true,
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.adopt({ taskId, attempt: 1 }),
  },
  'adopt, to be verified': {
    move: 'adoptForReview',
    spec: verify,
    late: true,
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.adopt({ taskId, attempt: 1 }),
  },
  'update with an open dependency': {
    move: 'defer',
    // A plan can give dependencies to a task under lease: see plans.again.test.ts.
    from: ['blocked', 'pending'],
    refused: 'ILLEGAL_TRANSITION',
    run: async ({ lead }, { taskId, gate }) => {
      const { revision } = await lead.tasks.get({ taskId })
      return lead.tasks.update({ taskId, expectedRevision: revision, dependsOn: [gate] })
    },
  },
  cancel: {
    move: 'cancel',
    refused: 'ILLEGAL_TRANSITION',
    run: ({ lead }, { taskId }) => lead.tasks.cancel({ taskId }),
  },
  cancelMany: {
    move: 'cancel',
    refused: 'nothing',
    run: ({ lead }, { taskId }) => lead.tasks.cancelMany({ filter: { taskIds: [taskId] } }),
  },
}

async function bring(world: World, state: TaskStatus, { spec, late }: Verb): Promise<Given> {
  const { lead, ada } = world
  const gate = await lead.tasks.create({ type: 'gate', assignedTo: 'bob' })
  const reviewed = state === 'in_review' ? verify : {}
  const { id: taskId } = await lead.tasks.create({ type: 'code', ...spec, ...reviewed, assignedTo: 'ada' })
  const first = leaseOf(await claimOne(ada))
  await ada.tasks.release(first)
  if (late) await refusal(ada.tasks.complete({ ...first, result: 'late' }))
  const given = { taskId, gate: gate.id, lease: first }
  const lease = await bringing[state](world, given)
  expect((await lead.tasks.get({ taskId })).status).toBe(state)
  return { ...given, lease }
}

describe.each(Object.entries(verbs))('%s', (name, verb) => {
  let world: World

  beforeAll(async () => {
    const server = await TestServer.start()
    world = { server, lead: server.connect(), ada: await server.agent('ada'), bob: await server.agent('bob') }
  })
  afterAll(() => world.server[Symbol.asyncDispose]())

  const { from, to }: { from: readonly TaskStatus[]; to: TaskStatus } = taskTransitions[verb.move]
  const legal = verb.from ?? from

  test.each(taskStatuses)('of a task that is %s', async (state) => {
    const { lead } = world
    const given = await bring(world, state, verb)
    const { taskId } = given
    const before = await lead.tasks.get({ taskId })
    if (legal.includes(state)) {
      await verb.run(world, given)
      const after = await lead.tasks.get({ taskId })
      expect(after.status).toBe(to)
      if (name !== 'extend') expect(after.revision).toBeGreaterThan(before.revision)
    } else {
      if (verb.refused === 'nothing') await verb.run(world, given)
      else expect(await refusal(verb.run(world, given))).toMatchObject({ code: verb.refused, applied: 'no' })
      const after = await lead.tasks.get({ taskId })
      const isLate = verb.move === 'complete' || verb.move === 'submit'
      const kept = { orphanResults: [{ attempt: 1 }], revision: before.revision + 1 }
      if (isLate) expect(after).toMatchObject(kept)
      expect(isLate ? { ...after, orphanResults: [], revision: before.revision } : after).toEqual(before)
    }
    await lead.tasks.cancelMany({ filter: { taskIds: [taskId, given.gate] } })
  })
})

test('every legal transition is tried', () => {
  // Of parents: see tasks.parents.test.ts. Of imports: see plans.follow.test.ts.
  const elsewhere: readonly TaskTransition[] = ['lock', 'rollUp', 'rollUpForReview', 'close', 'reopen']
  const tried = [...new Set(Object.values(verbs).map(({ move }) => move)), ...elsewhere]
  expect(tried.toSorted()).toEqual(Object.keys(taskTransitions).toSorted())
})
