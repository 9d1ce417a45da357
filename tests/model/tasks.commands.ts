import fc from 'fast-check'
import { type Act, act, agentOf, key, number, pick, seldom, weighted } from './acts.ts'
import { claim } from './claims.model.ts'
import { creatingFrom, specs } from './creating.commands.ts'
import type { Play } from './play.ts'
import { type Agent, type Caller, type Lease, once } from './state.ts'
import { extend, heartbeat, progress } from './tasks.held.model.ts'
import { cancel, complete, fail, isHeld, release } from './tasks.model.ts'

/** Returns the expected lease of a claim's reply. The token is compared once the model knows it. */
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
    // A key mostly has the same input, so that most calls with it are repetitions.
    const input = idempotencyKey && index % 4 > 0 ? { limit: 1, leaseMs: 5_000 } : { limit, leaseMs }
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

/** A choice of a lease: mostly a current one and its own agent. */
export const leasePick = fc.record({ which: number, stale: fc.nat(4), foreign: fc.nat(9) })
type LeasePick = typeof leasePick extends fc.Arbitrary<infer T> ? T : never

export function leaseOf(play: Play, { which, stale, foreign }: LeasePick): { lease: Lease; agent: Agent } | undefined {
  const { leases, agents } = play.state
  const current = leases.filter((lease) => lease.task.lease === lease)
  const lease = pick(stale === 0 ? leases : current, which)
  if (!lease) return undefined
  const agent = foreign === 0 ? pick(agents, agents.indexOf(lease.agent) + 1) : lease.agent
  return agent && { lease, agent }
}

/** Returns the task and the token for a call under a lease. */
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
    nextRetryDelayMs: seldom(fc.constantFrom(0, 11_000)),
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

const extending = under('tasks.extend', seldom(fc.constantFrom(5_000, 60_000), 2), (leaseMs) => ({
  input: () => ({ ...(leaseMs !== undefined && { leaseMs }) }),
  predict: ({ state }, agent, lease) => extend(state, agent, lease, leaseMs),
}))

const progressing = under('tasks.progress', fc.nat(100), (percent) => ({
  input: () => ({ percent, message: `at ${percent}`, details: { step: percent } }),
  predict: ({ state }, agent, lease) =>
    progress(state, agent, lease, { percent, message: `at ${percent}`, details: { step: percent } }),
}))

/** Sends one heartbeat with all leases of its agent, without some of them, or with an ended one. */
async function beat(play: Play, agent: Agent, { left, stale }: { left: number; stale: number }): Promise<void> {
  const own = play.state.leases.filter((lease) => lease.agent === agent)
  const current = own.filter((lease) => isHeld(play.state, lease, true))
  const leases = current.filter((_, which) => which % 3 !== left)
  const over = pick(own, stale)
  if (stale < 2 && over && !leases.includes(over)) leases.push(over)
  await play.call(agent, 'agents.heartbeat', { leases: leases.map(held) }, () => heartbeat(play.state, agent, leases))
}

/**
 * Sends several heartbeats in a row. A heartbeat that lists a lease resets its count of
 * heartbeats that do not.
 */
const beating = act(
  'agents.heartbeat',
  fc.record({
    agent: number,
    beats: fc.array(fc.record({ left: fc.nat(4), stale: fc.nat(9) }), { minLength: 1, maxLength: 3 }),
  }),
  async (play, { agent: index, beats }) => {
    for (const one of beats) {
      await beat(play, agentOf(play, index), one)
      await play.agree('agents.heartbeat')
    }
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

const waiting = act(
  'advance',
  fc.constantFrom(500, 1_000, 1_000, 4_000, 4_000, 9_000, 31_000, 120_000, 600_000),
  (play, ms) => play.advance(ms),
)

/** A lease has expired, and its holder calls before a sweep has run. */
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
    play.skipTo(lease.expiresAt)
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
    await play.agree(`late ${how}`)
    await play.sweep()
  },
)

/** The commands that a worker uses with a lease. */
export const workCommands = weighted(
  [6, claiming],
  [4, completing],
  [4, failing],
  [2, releasing],
  [2, extending],
  [2, progressing],
  [2, beating],
  [1, cancelling],
  [3, waiting],
  [6, late],
)

export const taskCommands = [...weighted([6, creatingFrom(specs)]), ...workCommands]
