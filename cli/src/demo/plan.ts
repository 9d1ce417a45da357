/** The steps of a feature. Each step depends on the one before. */
const steps = ['design', 'code', 'test', 'review'] as const

/** A task of the demo, as `tasks.createMany` takes it. */
type DemoTask = {
  readonly key: string
  readonly title: string
  readonly type: string
  readonly epic: string
  readonly dependsOn: readonly string[]
  readonly locks: readonly string[]
}

/** Features whose code is in one folder lock it, so that one agent at a time changes it. */
const folderCount = 3

/** Returns the tasks of a number of features. */
export const demoPlan = (features: number): DemoTask[] =>
  Array.from({ length: features }, (_, feature) =>
    steps.map((step, index) => ({
      key: `${feature} ${step}`,
      title: `feature ${feature + 1}: ${step}`,
      type: step,
      epic: `feature ${feature + 1}`,
      dependsOn: index === 0 ? [] : [`${feature} ${steps[index - 1]}`],
      locks: step === 'code' ? [`file:src/part-${feature % folderCount}`] : [],
    })),
  ).flat()

/** An event of the feed, as far as the check reads it. */
interface TaskEvent {
  readonly type: string
  readonly subject: string | null
}

/** A planned task with the ids that the server has given. */
export interface CreatedTask {
  readonly id: string
  readonly title: string
  readonly dependsOn: readonly string[]
  readonly locks: readonly string[]
}

/** Event types that end a lease. */
const leaseEndTypes: ReadonlySet<string> = new Set([
  'task.completed',
  'task.retried',
  'task.failed',
  'task.released',
  'task.expired',
])

/** Returns the faults of one claim: it came before its dependencies, or beside another holder. */
function faultsOfClaim(task: CreatedTask, held: readonly CreatedTask[], completed: ReadonlySet<string>): string[] {
  const early = task.dependsOn.filter((id) => !completed.has(id)).map(() => 'was claimed before its dependency')
  const twice = held.filter((other) => other.id === task.id).map(() => 'has two holders')
  const locked = held
    .filter((other) => other.id !== task.id && other.locks.some((lock) => task.locks.includes(lock)))
    .map((other) => `has a lock that ${other.title} holds`)
  return [...early, ...twice, ...locked].map((fault) => `${task.title} ${fault}`)
}

/**
 * Checks a finished run by its feed: each task was completed once, after its dependencies, by one
 * holder at a time, and no lock had two holders. Returns the faults.
 */
export function findFaults(tasks: readonly CreatedTask[], events: readonly TaskEvent[]): string[] {
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const completed = new Set<string>()
  const faults: string[] = []
  let held: CreatedTask[] = []
  for (const { type, subject } of events) {
    const task = byId.get(subject ?? '')
    if (!task) continue
    if (type === 'task.claimed') {
      faults.push(...faultsOfClaim(task, held, completed))
      held.push(task)
    }
    if (leaseEndTypes.has(type)) held = held.filter(({ id }) => id !== task.id)
    if (type !== 'task.completed') continue
    if (completed.has(task.id)) faults.push(`${task.title} was completed twice`)
    completed.add(task.id)
  }
  const open = tasks.filter(({ id }) => !completed.has(id))
  return [...faults, ...open.map(({ title }) => `${title} was not completed`)]
}
