import fc from 'fast-check'
import { Families, isWaiting, type Seen } from './families.rule.ts'
import type { Caller } from './state.ts'
import type { World } from './world.ts'

/** One call with numbers that are valid for any number of tasks. */
export const operations = fc.array(
  fc.record({
    name: fc.constantFrom(
      ...(['create', 'create', 'create', 'create', 'relate', 'relate', 'hold', 'unhold'] as const),
      ...(['claim', 'claim', 'claim', 'complete', 'complete', 'fail', 'release', 'cancel', 'retry', 'pause'] as const),
    ),
    which: fc.nat(60),
    other: fc.nat(60),
    relation: fc.constantFrom(
      ...(['none', 'parent', 'parent', 'blocks', 'children', 'failure'] as const),
      ...(['parent and blocks', 'blocks and children'] as const),
    ),
    epic: fc.constantFrom(undefined, undefined, 'e'),
    flag: fc.boolean(),
    rare: fc.nat(4),
  }),
  { minLength: 12, maxLength: 40, size: 'max' },
)
type Operation = typeof operations extends fc.Arbitrary<(infer T)[]> ? T : never

interface Lease {
  readonly taskId: string
  readonly leaseToken: string
}

/** A refusal that random calls may meet. */
const refusals = ['ILLEGAL_TRANSITION', 'STALE_LEASE', 'DEPENDENCY_CYCLE', 'REVISION_CONFLICT']

/** True for a task that a call with this name can change. Half of the holds are for parents. */
function fits(name: Operation['name'], task: Seen, flag: boolean): boolean {
  if (name === 'retry') return task.status === 'failed'
  if (name === 'unhold') return task.hold !== null
  if (name === 'hold') return isWaiting(task) && (!flag || task.onChildrenEnd === 'complete')
  return isWaiting(task)
}

/** The parent and the dependencies that an operation gives to a task. */
function relationsOf({ which, other, relation }: Operation, tasks: readonly Seen[]): object {
  const [task, target] = [tasks[which % tasks.length], tasks[other % tasks.length]]
  if (!task || !target || relation === 'none') return {}
  const { id } = target
  if (relation === 'parent') return { parentId: id }
  if (relation === 'parent and blocks') return { parentId: id, dependsOn: [task.id] }
  if (relation === 'blocks and children') return { dependsOn: [id], waitsFor: [{ taskId: id, kind: 'children' }] }
  return relation === 'blocks' ? { dependsOn: [id] } : { waitsFor: [{ taskId: id, kind: relation }] }
}

/** A project in which one lead and one agent make random calls. */
export class FamilyPlay {
  readonly #world: World
  readonly #worker: Caller
  #leases: Lease[] = []
  #isPaused = false

  constructor(world: World) {
    this.#world = world
    this.#worker = world.agents[0]
  }

  async #call(caller: Caller, path: string, input: object): Promise<unknown> {
    const outcome = await this.#world.call(caller, path, JSON.parse(JSON.stringify(input)))
    if (outcome.ok) return outcome.value
    if (!refusals.includes(outcome.code)) throw new Error(`${path} of ${JSON.stringify(input)}: ${outcome.code}`)
    return undefined
  }

  async read(): Promise<readonly Seen[]> {
    // The server checks its replies against their schema.
    const page = (await this.#call(undefined, 'tasks.list', { limit: 500 })) as { readonly tasks: readonly Seen[] }
    return page.tasks
  }

  /** Makes a call and compares every task with the rule. */
  async run(operation: Operation): Promise<void> {
    const before = await this.read()
    const claimed = operation.name === 'claim' ? await this.#claim() : undefined
    if (!claimed) await this.#change(operation, before)
    const after = await this.read()
    const fault =
      (claimed && this.#claimFault(before, claimed)) ??
      faultIn({ before, after, hasEndedOne: ends.includes(operation.name) })
    refuseFault(fault, after, operation.name)
  }

  /**
   * Works until nothing is left, lifts every hold and every pause, works again and judges the rest.
   * The children of a held parent thus end before its hold does.
   */
  async finish(): Promise<void> {
    await this.#workOff()
    await this.#call(undefined, 'agents.resume', { epic: 'e' })
    this.#isPaused = false
    for (const { id, hold } of await this.read()) if (hold) await this.#call(undefined, 'tasks.unhold', { taskId: id })
    await this.#workOff()
    const left = await this.read()
    const stuck = new Families(left).stuck()
    for (const { id, status } of left.filter(isWaiting))
      if (!stuck.has(id)) throw new Error(namedIn(left, `nothing is left to do, and ${id} is ${status}`))
  }

  async #workOff(): Promise<void> {
    let before = await this.read()
    do
      for (const lease of this.#leases.splice(0)) {
        await this.#call(this.#worker, 'tasks.complete', lease)
        const after = await this.read()
        refuseFault(faultIn({ before, after, hasEndedOne: true }), after, 'the last tasks.complete')
        before = after
      }
    while ((await this.#claim()).length > 0)
  }

  async #claim(): Promise<readonly string[]> {
    const reply = (await this.#call(this.#worker, 'tasks.claim', { leaseMs: 3_600_000 })) as {
      readonly tasks: readonly { readonly id: string; readonly leaseToken: string }[]
    }
    for (const { id: taskId, leaseToken } of reply.tasks) this.#leases.push({ taskId, leaseToken })
    return reply.tasks.map(({ id }) => id)
  }

  #change(operation: Operation, tasks: readonly Seen[]): Promise<unknown> {
    const { name, which, epic, flag, rare } = operation
    const fitting = tasks.filter((each) => fits(name, each, flag))
    const task = fitting[which % fitting.length] ?? tasks[which % tasks.length]
    if (name === 'complete' || name === 'fail' || name === 'release') return this.#endLease(name, which)
    if (name === 'create') {
      const ends = flag ? { onChildrenEnd: 'complete' } : {}
      const hold = rare === 0 ? { hold: 'not yet' } : {}
      const relations = relationsOf(operation, tasks)
      return this.#call(undefined, 'tasks.create', { type: 'code', epic, ...ends, ...hold, ...relations })
    }
    if (name === 'pause') {
      this.#isPaused = flag
      return this.#call(undefined, flag ? 'agents.pause' : 'agents.resume', { epic: 'e' })
    }
    if (!task || (name === 'cancel' && rare > 1)) return Promise.resolve()
    const { id: taskId, revision: expectedRevision } = task
    if (name === 'relate') {
      const { parentId: _, ...others } = { parentId: '', ...relationsOf(operation, tasks) }
      const change = { dependsOn: [], waitsFor: [], ...others }
      return this.#call(undefined, 'tasks.update', { taskId, expectedRevision, ...change })
    }
    return this.#call(undefined, `tasks.${name}`, name === 'hold' ? { taskId, reason: 'wait' } : { taskId })
  }

  async #endLease(name: 'complete' | 'fail' | 'release', which: number): Promise<unknown> {
    const [lease] = this.#leases.splice(which % Math.max(1, this.#leases.length), 1)
    if (!lease) return undefined
    const failure = name === 'fail' ? { error: 'no', retryable: false } : {}
    return this.#call(this.#worker, `tasks.${name}`, { ...lease, ...failure })
  }

  #mayBeClaimed({ status, hold, epic }: Seen): boolean {
    return status === 'pending' && hold === null && !(epic === 'e' && this.#isPaused)
  }

  #claimFault(before: readonly Seen[], claimed: readonly string[]): string | undefined {
    const claimable = before.filter((task) => this.#mayBeClaimed(task))
    const wrong = claimed.find((id) => !claimable.some((task) => task.id === id))
    if (wrong !== undefined) return `${wrong} was claimed, but is not claimable`
    return claimed.length === 0 && claimable.length > 0 ? `${claimable[0]?.id} was not claimed` : undefined
  }
}

const ends: readonly string[] = ['complete', 'fail', 'cancel']

interface Judged {
  readonly before: readonly Seen[]
  readonly after: readonly Seen[]
  readonly hasEndedOne: boolean
}

/** Says if a task that was blocked ended with its children, or should have. */
function endFaultOf(
  task: Seen,
  earlier: Seen,
  { rule, hasEndedOne }: Judged & { readonly rule: Families },
): string | undefined {
  const { id, status } = task
  // The end of a task clears its hold.
  if (earlier.hold !== null) return status === 'completed' ? `${id} was completed in spite of its hold` : undefined
  const ends = rule.endsWithChildren(task)
  if (status === 'completed' && !(ends && rule.verdictOf(task) !== 'must'))
    return `${id} was completed without an agent`
  return status === 'pending' && hasEndedOne && ends ? `${id} was not completed with its children` : undefined
}

/** Compares the status of each task with the rule. */
function faultIn(judged: Judged): string | undefined {
  const { before, after } = judged
  const rule = new Families(after)
  const blocked = new Map(before.filter(({ status }) => status === 'blocked').map((task) => [task.id, task]))
  for (const task of after) {
    const { id, status, hold } = task
    const verdict = rule.verdictOf(task)
    if (status === 'pending' && verdict === 'must') return `${id} is pending, but must wait`
    if (status === 'blocked' && verdict === 'free') return `${id} is blocked, but waits for nothing`
    if (hold !== null && !isWaiting(task)) return `${id} is ${status} and held`
    const earlier = blocked.get(id)
    const fault = earlier && endFaultOf(task, earlier, { ...judged, rule })
    if (fault !== undefined) return fault
  }
  return undefined
}

function refuseFault(fault: string | undefined, after: readonly Seen[], name: string): void {
  if (fault !== undefined) throw new Error(`${namedIn(after, fault)}, after ${name}: ${shownTasks(after)}`)
}

/** Returns a text with the numbers of tasks in place of their ids. */
const namedIn = (tasks: readonly Seen[], text: string): string =>
  tasks.reduce((named, { id }, index) => named.replaceAll(id, `t${index}`), text)

const shownTasks = (tasks: readonly Seen[]): string =>
  namedIn(
    tasks,
    tasks
      .map(({ id, status, hold, parentId, dependsOn, waitsFor }) => {
        const waits = [...dependsOn, ...waitsFor.map(({ taskId, kind }) => `${kind} ${taskId}`)]
        const part = parentId === null ? '' : ` in ${parentId}`
        return `${id} ${status}${hold ? ' held' : ''}${part}${waits.length > 0 ? ` after ${waits.join(' and ')}` : ''}`
      })
      .join('; '),
  )
