import fc from 'fast-check'
import { act, agentOf, number, pick, seldom } from './acts.ts'
import type { Play } from './play.ts'
import type { Task } from './state.ts'
import { create, type Spec } from './tasks.model.ts'

const plain = {
  locks: fc.constant<string[]>([]),
  epic: fc.constantFrom(undefined, undefined, 'e1', 'e2'),
  priority: fc.constantFrom('critical', 'high', 'normal', 'low') satisfies fc.Arbitrary<Task['priority']>,
  requires: fc.constantFrom<string[]>([], [], [], ['a'], ['b'], ['a', 'b']),
  assignedTo: seldom(number, 8),
  dependsOn: fc.oneof(
    { weight: 3, arbitrary: fc.constant<number[]>([]) },
    { weight: 2, arbitrary: fc.array(number, { minLength: 1, maxLength: 3 }) },
  ),
  failureOf: seldom(number, 5),
  hold: seldom(fc.constantFrom('the design is open', 'wait'), 9),
  onDependencyFailure: fc.constantFrom('block', 'fail'),
  acceptance: fc.constantFrom('complete', 'complete', 'verify'),
  maxAttempts: fc.constantFrom(1, 2, 3, 3),
  notBeforeMs: seldom(fc.constantFrom(4_000, 20_000)),
  scheduleToStartMs: seldom(fc.constantFrom(10_000, 50_000)),
  startToCloseMs: seldom(fc.constantFrom(7_000, 45_000), 4),
  scheduleToCloseMs: seldom(fc.constantFrom(25_000, 90_000)),
}

export const specs = fc.record(plain)
type Given = typeof specs extends fc.Arbitrary<infer T> ? T : never

/** Tasks that take locks and have few other conditions. Many of them are `low` and can age. */
export const lockingSpecs = (locks: fc.Arbitrary<string[]>): fc.Arbitrary<Given> =>
  fc.record({
    ...plain,
    locks,
    priority: fc.constantFrom('critical', 'high', 'normal', 'normal', 'low', 'low', 'low'),
    requires: fc.constantFrom<string[]>([], [], [], ['a']),
    dependsOn: fc.constantFrom<number[]>([], [], [0]),
    failureOf: fc.constant(undefined),
    assignedTo: fc.constant(undefined),
    acceptance: fc.constant('complete'),
    scheduleToStartMs: fc.constant(undefined),
    scheduleToCloseMs: fc.constant(undefined),
  })

function specOf(play: Play, given: Given): Spec {
  const { tasks } = play.state
  const dependsOn = [...new Set(given.dependsOn.flatMap((index) => pick(tasks, index) ?? []))]
  const failing = given.failureOf === undefined ? undefined : pick(tasks, given.failureOf)
  return {
    ...given,
    dependsOn,
    // `dependsOn` wins over the failure of the same task.
    failureOf: failing && !dependsOn.includes(failing) ? [failing] : [],
    assignedTo: given.assignedTo === undefined ? undefined : agentOf(play, given.assignedTo),
  }
}

/** Returns the input of `tasks.create` for a spec. */
export function inputOf(
  { notBeforeMs, assignedTo, dependsOn, failureOf, ...rest }: Spec,
  play: Play,
  more: object = {},
): object {
  return JSON.parse(
    JSON.stringify({
      ...rest,
      type: 'code',
      title: `task ${play.state.tasks.length}`,
      dependsOn: dependsOn.map(({ id }) => id),
      waitsFor: failureOf.map(({ id: taskId }) => ({ taskId, kind: 'failure' })),
      assignedTo: assignedTo?.id,
      notBefore: notBeforeMs === undefined ? undefined : new Date(play.state.now + notBeforeMs).toISOString(),
      ...more,
    }),
  )
}

export const bindTask = (task: Task | undefined, reply: unknown): void => {
  if (task && typeof reply === 'object' && reply !== null && 'id' in reply) task.id = String(reply.id)
}

/** Creates a task of the developer in the server and in the model. */
export async function addTask(play: Play, spec: Spec): Promise<void> {
  const input = inputOf(spec, play)
  let task: Task | undefined
  const reply = await play.call(undefined, 'tasks.create', input, () => {
    task = create(play.state, undefined, spec)
    return { status: task.status, attempt: 0, failures: 0 }
  })
  if (reply.ok) bindTask(task, reply.value)
}

export const creatingFrom = (from: fc.Arbitrary<Given>) =>
  act('tasks.create', from, (play, given) => addTask(play, specOf(play, given)))

/** A task without requirements. */
export const plainSpec: Spec = {
  priority: 'normal',
  requires: [],
  assignedTo: undefined,
  dependsOn: [],
  failureOf: [],
  hold: undefined,
  onDependencyFailure: 'block',
  acceptance: 'complete',
  maxAttempts: 3,
  notBeforeMs: undefined,
  scheduleToStartMs: undefined,
  startToCloseMs: undefined,
  scheduleToCloseMs: undefined,
  locks: [],
  epic: undefined,
}

/** Creates tasks, so that the first commands of a run find some. */
export async function someTasks(play: Play): Promise<void> {
  const verified = { ...plainSpec, priority: 'high', acceptance: 'verify' } as const
  for (const spec of [plainSpec, verified, plainSpec, { ...plainSpec, priority: 'low' } as const]) {
    await play.turn()
    await addTask(play, spec)
    await play.agree('tasks.create')
  }
}
