import fc from 'fast-check'
import { type Act, act, agentOf, key, maybe, number, pick } from './acts.ts'
import type { Play } from './play.ts'
import { type Agent, type Caller, type Lease, once, type Task } from './state.ts'
import { extend, heartbeat, progress } from './tasks.held.model.ts'
import { cancel, claim, complete, create, fail, isHeld, release, type Spec } from './tasks.model.ts'

const plain = {
  locks: fc.constant<string[]>([]),
  epic: fc.constantFrom(undefined, undefined, 'e1', 'e2'),
  priority: fc.constantFrom('critical', 'high', 'normal', 'low') satisfies fc.Arbitrary<Task['priority']>,
  requires: fc.constantFrom<string[]>([], [], [], ['a'], ['b'], ['a', 'b']),
  assignedTo: maybe(number),
  dependsOn: fc.oneof(
    { weight: 3, arbitrary: fc.constant<number[]>([]) },
    { weight: 2, arbitrary: fc.array(number, { minLength: 1, maxLength: 3 }) },
  ),
  onDependencyFailure: fc.constantFrom('block', 'fail'),
  acceptance: fc.constantFrom('complete', 'complete', 'verify'),
  maxAttempts: fc.constantFrom(1, 2, 3),
  notBeforeMs: maybe(fc.constantFrom(4_000, 20_000)),
  scheduleToStartMs: maybe(fc.constantFrom(10_000, 50_000)),
  startToCloseMs: maybe(fc.constantFrom(7_000, 45_000)),
  scheduleToCloseMs: maybe(fc.constantFrom(25_000, 90_000)),
}

export const specs = fc.record(plain)
type Given = typeof specs extends fc.Arbitrary<infer T> ? T : never

/** Tasks that take locks, and mostly nothing else that could keep anyone from them. */
export const lockingSpecs = (locks: fc.Arbitrary<string[]>): fc.Arbitrary<Given> =>
  fc.record({
    ...plain,
    locks,
    requires: fc.constantFrom<string[]>([], [], [], ['a']),
    dependsOn: fc.constantFrom<number[]>([], [], [0]),
    assignedTo: fc.constant(undefined),
    acceptance: fc.constant('complete'),
    scheduleToStartMs: fc.constant(undefined),
    scheduleToCloseMs: fc.constant(undefined),
  })

function specOf(play: Play, given: Given): Spec {
  const { tasks } = play.state
  const dependsOn = [...new Set(given.dependsOn.flatMap((index) => pick(tasks, index) ?? []))]
  return {
    ...given,
    dependsOn,
    assignedTo: given.assignedTo === undefined ? undefined : agentOf(play, given.assignedTo),
  }
}

/** What the server is sent for a spec. */
export function inputOf({ notBeforeMs, assignedTo, dependsOn, ...rest }: Spec, play: Play, more: object = {}): object {
  return JSON.parse(
    JSON.stringify({
      ...rest,
      type: 'code',
      title: `task ${play.state.tasks.length}`,
      dependsOn: dependsOn.map(({ id }) => id),
      assignedTo: assignedTo?.id,
      notBefore: notBeforeMs === undefined ? undefined : new Date(play.state.now + notBeforeMs).toISOString(),
      ...more,
    }),
  )
}

export const bindTask = (task: Task | undefined, reply: unknown): void => {
  if (task && typeof reply === 'object' && reply !== null && 'id' in reply) task.id = String(reply.id)
}

export const creatingFrom = (from: fc.Arbitrary<Given>) =>
  act('tasks.create', from, async (play, given) => {
    const spec = specOf(play, given)
    const input = inputOf(spec, play)
    let task: Task | undefined
    const reply = await play.call(undefined, 'tasks.create', input, () => {
      task = create(play.state, undefined, spec)
      return { status: task.status, attempt: 0, failures: 0 }
    })
    if (reply.ok) bindTask(task, reply.value)
  })

/** What a claim's reply must say of each lease, and may only say once the model has the token. */
export const leasedView = (lease: Lease) => ({
  id: lease.task.id,
  attempt: lease.attempt,
  failures: lease.task.failures,
  status: 'in_progress',
  claimedBy: lease.agent.id,
  leaseExpiresAt: new Date(lease.expiresAt).toISOString(),
  input: lease.task.input ?? null,
  progress: lease.task.progress,
  ...(lease.token === '' ? {} : { leaseToken: lease.token }),
})

interface Leased {
  readonly tasks: readonly { readonly leaseToken: string }[]
}
const isLeased = (value: unknown): value is Leased => typeof value === 'object' && value !== null && 'tasks' in value

export const bindLeases = (leases: readonly Lease[], reply: unknown): void => {
  if (!isLeased(reply)) return
  for (const [index, lease] of leases.entries()) {
    if (lease.token === '') lease.token = reply.tasks[index]?.leaseToken ?? ''
  }
}

const claiming = act(
  'tasks.claim',
  fc.record({
    agent: number,
    limit: fc.constantFrom(1, 1, 2, 3),
    leaseMs: fc.constantFrom(5_000, 30_000),
    idempotencyKey: key,
  }),
  async (play, { agent: index, limit, leaseMs, idempotencyKey }) => {
    const { state } = play
    const agent = agentOf(play, index)
    let leases: Lease[] = []
    const input = { limit, leaseMs }
    const again = { caller: agent, path: 'claim', key: idempotencyKey, input }
    const reply = await play.call(agent, 'tasks.claim', { ...input, ...(idempotencyKey && { idempotencyKey }) }, () => {
      const given = once(state, again, () => claim(state, agent, input), {
        again: (first) => first.filter((lease) => isHeld(state, lease)),
        keep: (first) => first.length > 0,
      })
      leases = given
      return { tasks: given.map(leasedView) }
    })
    if (reply.ok) bindLeases(leases, reply.value)
  },
)

/** A lease to act on: mostly one that is current, and its own agent. */
export const leasePick = fc.record({ which: number, stale: fc.nat(3), foreign: fc.nat(9) })
type LeasePick = typeof leasePick extends fc.Arbitrary<infer T> ? T : never

export function leaseOf(play: Play, { which, stale, foreign }: LeasePick): { lease: Lease; agent: Agent } | undefined {
  const { leases, agents } = play.state
  const current = leases.filter((lease) => lease.task.lease === lease)
  const lease = pick(stale === 0 || current.length === 0 ? leases : current, which)
  if (!lease) return undefined
  const agent = foreign === 0 ? pick(agents, agents.indexOf(lease.agent) + 1) : lease.agent
  return agent && { lease, agent }
}

/** The task and the token, as every call under a lease names them. */
export const held = (lease: Lease) => ({ taskId: lease.task.id, leaseToken: lease.token })

interface Way {
  readonly path: string
  readonly input: (lease: Lease) => object
  readonly predict: (play: Play, agent: Agent, lease: Lease) => unknown
}

export const under = <T>(path: string, args: fc.Arbitrary<T>, way: (args: T) => Omit<Way, 'path'>): fc.Arbitrary<Act> =>
  act(path, fc.record({ pick: leasePick, args }), async (play, { pick: which, args: given }) => {
    const found = leaseOf(play, which)
    if (!found) return
    const { input, predict } = way(given)
    await play.call(found.agent, path, { ...held(found.lease), ...input(found.lease) }, () =>
      predict(play, found.agent, found.lease),
    )
  })

const completing = under('tasks.complete', fc.nat(3), (result) => ({
  input: () => ({ result }),
  predict: (play, agent, lease) => complete(play.state, agent, lease, result),
}))

const failing = under(
  'tasks.fail',
  fc.record({
    error: fc.constantFrom('no luck', 'worse luck'),
    retryable: fc.constantFrom(true, true, true, false),
    nextRetryDelayMs: maybe(fc.constantFrom(0, 11_000)),
    chance: fc.constantFrom(0, 0.25, 0.5, 0.75),
    idempotencyKey: key,
  }),
  ({ error, retryable, nextRetryDelayMs, chance, idempotencyKey }) => ({
    input: () => ({
      error,
      retryable,
      ...(nextRetryDelayMs !== undefined && { nextRetryDelayMs }),
      ...(idempotencyKey && { idempotencyKey }),
    }),
    predict: (play, caller, lease) => {
      play.state.chance = chance
      play.world.site.clock.chance = chance
      const input = { ...held(lease), error, retryable, nextRetryDelayMs }
      return once(play.state, { caller, path: 'fail', key: idempotencyKey, input }, () =>
        fail(play.state, caller, lease, { error, retryable, waitMs: nextRetryDelayMs }),
      )
    },
  }),
)

const releasing = under('tasks.release', key, (idempotencyKey) => ({
  input: () => ({ ...(idempotencyKey && { idempotencyKey }) }),
  predict: ({ state }, caller, lease) =>
    once(state, { caller, path: 'release', key: idempotencyKey, input: held(lease) }, () =>
      release(state, caller, lease),
    ),
}))

const extending = under('tasks.extend', maybe(fc.constantFrom(5_000, 60_000), 1), (leaseMs) => ({
  input: () => ({ ...(leaseMs !== undefined && { leaseMs }) }),
  predict: ({ state }, agent, lease) => extend(state, agent, lease, leaseMs),
}))

const progressing = under('tasks.progress', fc.nat(100), (percent) => ({
  input: () => ({ percent, message: `at ${percent}`, details: { step: percent } }),
  predict: ({ state }, agent, lease) =>
    progress(state, agent, lease, { percent, message: `at ${percent}`, details: { step: percent } }),
}))

const beating = act(
  'agents.heartbeat',
  fc.record({ agent: number, listed: fc.array(number, { maxLength: 4 }) }),
  async (play, { agent: index, listed }) => {
    const agent = agentOf(play, index)
    const own = play.state.leases.filter((lease) => lease.agent === agent)
    const leases = [...new Set(listed.flatMap((which) => pick(own, which) ?? []))]
    await play.call(agent, 'agents.heartbeat', { leases: leases.map(held) }, () => heartbeat(play.state, agent, leases))
  },
)

const cancelling = act(
  'tasks.cancel',
  fc.record({ which: number, by: fc.nat(9), idempotencyKey: key }),
  async (play, { which, by, idempotencyKey }) => {
    const task = pick(play.state.tasks, which)
    if (!task) return
    const caller: Caller = by < 8 ? undefined : agentOf(play, by)
    const input = { taskId: task.id, reason: 'no need' }
    await play.call(caller, 'tasks.cancel', { ...input, ...(idempotencyKey && { idempotencyKey }) }, () => {
      if (caller && caller.role !== 'tech-lead') return refuseRole()
      return once(play.state, { caller, path: 'cancel', key: idempotencyKey, input }, () =>
        cancel(play.state, caller, task, 'no need'),
      )
    })
  },
)

import { refuse } from './state.ts'

const refuseRole = (): never => refuse('FORBIDDEN')

const waiting = act('advance', fc.constantFrom(1_000, 4_000, 9_000, 31_000, 120_000, 600_000), (play, ms) =>
  play.advance(ms),
)

/** A lease runs out, and its holder calls before any sweep has seen it. */
const late = act(
  'late',
  fc.record({ which: number, how: fc.constantFrom('complete', 'fail', 'release', 'extend', 'progress') }),
  async (play, { which, how }) => {
    const lease = pick(
      play.state.leases.filter((one) => isHeld(play.state, one)),
      which,
    )
    if (!lease) return
    const { state } = play
    const { agent } = lease
    const due = Math.min(play.nextDue())
    if (due !== lease.expiresAt) return
    const since = play.skipTo(lease.expiresAt)
    if (how === 'complete')
      await play.call(agent, 'tasks.complete', { ...held(lease), result: 'late' }, () =>
        complete(state, agent, lease, 'late'),
      )
    if (how === 'release') await play.call(agent, 'tasks.release', held(lease), () => release(state, agent, lease))
    if (how === 'extend')
      await play.call(agent, 'tasks.extend', held(lease), () => extend(state, agent, lease, undefined))
    if (how === 'progress')
      await play.call(agent, 'tasks.progress', { ...held(lease), percent: 1 }, () =>
        progress(state, agent, lease, { percent: 1, message: '', details: null }),
      )
    if (how === 'fail')
      await play.call(agent, 'tasks.fail', { ...held(lease), error: 'late' }, () =>
        fail(state, agent, lease, { error: 'late', retryable: true, waitMs: undefined }),
      )
    play.agree(`late ${how}`)
    await play.sweep(since)
  },
)

/** Everything a worker does with a lease. */
export const workCommands = [
  claiming,
  claiming,
  completing,
  completing,
  failing,
  releasing,
  extending,
  progressing,
  beating,
  cancelling,
  waiting,
  late,
]

export const taskCommands = [creatingFrom(specs), creatingFrom(specs), ...workCommands]
