import fc from 'fast-check'
import { type Act, act, agentOf, given, key, number, pick, seldom, weighted } from './acts.ts'
import { claim } from './claims.model.ts'
import type { Play } from './play.ts'
import { type Caller, once, refuse, type State, type Task } from './state.ts'
import { bindLeases, held, leasedView, leaseOf, leasePick, under } from './tasks.commands.ts'
import { adopt, answer, hold, requestInput, retry, unhold, update, verify } from './tasks.held.model.ts'
import { cancelAll, complete } from './tasks.model.ts'

/** Returns the developer in most cases, who is a tech lead, and otherwise an agent of any role. */
const callerOf = (play: Play, by: number): Caller => (by < 40 ? undefined : agentOf(play, by))

/** Throws unless the caller is a tech lead. */
function lead(caller: Caller): void {
  if (caller && caller.role !== 'tech-lead') refuse('FORBIDDEN')
}

const asking = under(
  'tasks.requestInput',
  fc.record({
    question: fc.constantFrom('which?', 'why?'),
    deadlineMs: seldom(fc.constantFrom(6_000, 40_000), 2),
    defaultAnswer: seldom(fc.constantFrom('this', 0), 2),
    idempotencyKey: key,
  }),
  (said) => ({
    input: () => given(said),
    predict: ({ state }, caller, lease) => {
      const { idempotencyKey, ...question } = said
      const input = { ...held(lease), ...question }
      return once(state, { caller, path: 'requestInput', key: idempotencyKey, input }, () =>
        requestInput(state, caller, lease, question),
      )
    },
  }),
)

interface Verb<T> {
  readonly path: string
  readonly args: fc.Arbitrary<T>
  /** The tasks for most of the calls. A few calls use any task. */
  readonly fits: (task: Task) => boolean
  readonly input: (task: Task, args: T, play: Play) => object
  readonly predict: (state: State, caller: Caller, task: Task, args: T) => unknown
}

/** Makes a call about one task as a caller of any role, with an idempotency key out of a few. */
const onTask = <T>({ path, args, fits, input, predict }: Verb<T>): fc.Arbitrary<Act> =>
  act(
    path,
    fc.record({ which: number, any: fc.nat(5), by: number, idempotencyKey: key, args }),
    async (play, { which, any, by, idempotencyKey, args: said }) => {
      const { state } = play
      const fitting = state.tasks.filter(fits)
      const task = pick(any === 0 ? state.tasks : fitting, which)
      if (!task) return
      const caller = callerOf(play, by)
      const sent = input(task, said, play)
      await play.call(caller, path, given({ taskId: task.id, ...sent, idempotencyKey }), () =>
        once(state, { caller, path, key: idempotencyKey, input: { taskId: task.id, ...sent } }, () =>
          predict(state, caller, task, said),
        ),
      )
    },
  )

const answering = onTask({
  path: 'tasks.provideInput',
  args: fc.constantFrom('that', 7),
  fits: ({ status }) => status === 'input_required',
  input: (_, said) => ({ answer: said }),
  predict: (state, caller, task, said) => {
    lead(caller)
    return answer(state, caller, task, { answer: said, byDefault: false })
  },
})

const verifying = onTask({
  path: 'tasks.verify',
  args: fc.record({ accept: fc.boolean(), note: fc.constantFrom('good', 'not yet') }),
  fits: ({ status }) => status === 'in_review',
  input: (_, verdict) => verdict,
  predict: verify,
})

const retrying = onTask({
  path: 'tasks.retry',
  args: fc.constant(undefined),
  fits: ({ status }) => status === 'failed',
  input: () => ({}),
  predict: (state, caller, task) => {
    lead(caller)
    return retry(state, caller, task)
  },
})

const holding = onTask({
  path: 'tasks.hold',
  args: fc.constantFrom('ask first', 'the design is open'),
  fits: ({ status }) => status === 'pending' || status === 'blocked',
  input: (_, reason) => ({ reason }),
  predict: (state, caller, task, reason) => {
    lead(caller)
    return hold(state, caller, task, reason)
  },
})

const unholding = onTask({
  path: 'tasks.unhold',
  args: fc.constant(undefined),
  fits: (task) => task.hold !== undefined,
  input: () => ({}),
  predict: (state, caller, task) => {
    lead(caller)
    return unhold(state, caller, task)
  },
})

const adopting = onTask({
  path: 'tasks.adopt',
  args: fc.nat(8),
  fits: ({ orphans, status }) => orphans.length > 0 && status !== 'completed' && status !== 'cancelled',
  input: (task, which) => ({ attempt: attemptOf(task, which) }),
  predict: (state, caller, task, which) => adopt(state, caller, task, attemptOf(task, which)),
})

const attemptOf = ({ orphans }: Task, which: number): number =>
  which === 8 ? 1 + which : (pick(orphans, which)?.attempt ?? 1)

const changes = fc.record(
  {
    priority: fc.constantFrom<Task['priority'][]>('critical', 'high', 'normal', 'low'),
    assignedTo: fc.option(number),
    dependsOn: fc.array(number, { maxLength: 2 }),
    title: fc.constantFrom('new', 'newer'),
  },
  { requiredKeys: [] },
)

const updating = act(
  'tasks.update',
  fc.record({ which: number, stale: fc.nat(6), by: number, change: changes }),
  async (play, { which, stale, by, change }) => {
    const { state } = play
    const task = pick(state.tasks, which)
    if (!task) return
    const caller = callerOf(play, by)
    const { assignedTo, dependsOn, ...plain } = change
    const wanted = {
      ...plain,
      ...(assignedTo !== undefined && { assignedTo: assignedTo === null ? null : agentOf(play, assignedTo) }),
      ...(dependsOn && { dependsOn: [...new Set(dependsOn.flatMap((index) => pick(state.tasks, index) ?? []))] }),
    }
    const input = {
      ...wanted,
      ...(wanted.assignedTo && { assignedTo: wanted.assignedTo.id }),
      ...(wanted.dependsOn && { dependsOn: wanted.dependsOn.map(({ id }) => id) }),
    }
    const expectedRevision = Math.max(1, task.revision - (stale === 0 ? 1 : 0))
    const { revision } = task
    const reply = await play.call(caller, 'tasks.update', { taskId: task.id, expectedRevision, ...input }, () => {
      lead(caller)
      const waits = task.status === 'blocked' || task.status === 'pending'
      if (ended.includes(task.status) || (dependsOn && !waits)) refuse('ILLEGAL_TRANSITION')
      if (expectedRevision !== revision) refuse('REVISION_CONFLICT')
      return update(state, caller, task, wanted)
    })
    if (!reply.ok && reply.code === 'REVISION_CONFLICT' && !JSON.stringify(reply.details).includes(`${revision}`))
      throw new Error(`REVISION_CONFLICT does not tell the current revision: ${JSON.stringify(reply.details)}`)
  },
)

/** Completes one lease and claims the next task: both or neither. */
const nexting = act(
  'tasks.next',
  fc.record({ pick: leasePick, result: fc.nat(3), leaseMs: fc.constantFrom(5_000, 30_000), idempotencyKey: key }),
  async (play, { pick: which, result, leaseMs, idempotencyKey }) => {
    const { state } = play
    const found = leaseOf(play, which)
    if (!found) return
    const { agent, lease } = found
    const input = { completed: { ...held(lease), result }, leaseMs }
    const again = { caller: agent, path: 'next', key: idempotencyKey, input }
    let leases: ReturnType<typeof claim> = []
    const reply = await play.call(agent, 'tasks.next', given({ ...input, idempotencyKey }), () => {
      leases = once(
        state,
        again,
        () => {
          complete(state, agent, lease, result)
          return claim(state, agent, { limit: 1, leaseMs })
        },
        {
          again: (first) => first.filter((one) => one.task.lease === one && one.task.status === 'in_progress'),
          keep: (first) => first.length > 0,
        },
      )
      return { tasks: leases.map(leasedView) }
    })
    if (reply.ok) bindLeases(leases, reply.value)
  },
)

const bulk = (
  path: string,
  legal: (task: Task) => boolean,
  all: (state: State, tasks: readonly Task[]) => void,
): fc.Arbitrary<Act> =>
  act(path, fc.record({ which: fc.array(number, { minLength: 1, maxLength: 2 }) }), async (play, { which }) => {
    const { state } = play
    const chosen = state.tasks.filter((task) => which.some((index) => pick(state.tasks, index) === task))
    if (chosen.length === 0) return
    await play.call(undefined, path, { filter: { taskIds: chosen.map(({ id }) => id) } }, () => {
      const found = chosen.filter(legal)
      all(state, found)
      return { taskIds: found.map(({ id }) => id), more: false }
    })
  })

const ended = ['completed', 'failed', 'cancelled']

const cancellingMany = bulk(
  'tasks.cancelMany',
  ({ status }) => !ended.includes(status),
  (state, tasks) => cancelAll(state, undefined, tasks, undefined),
)

const retryingMany = bulk(
  'tasks.retryMany',
  ({ status }) => status === 'failed',
  (state, tasks) => {
    for (const task of tasks) retry(state, undefined, task)
  },
)

/** The commands of a lead that hold tasks. */
export const holdCommands = weighted([1, holding], [1, unholding])

export const lifecycleCommands = weighted(
  [3, asking],
  [3, answering],
  [4, verifying],
  [2, retrying],
  [9, adopting],
  [3, updating],
  [3, nexting],
  [1, cancellingMany],
  [1, retryingMany],
)
