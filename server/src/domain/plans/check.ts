import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, inArray } from 'drizzle-orm'
import { forEachYielding, mapYielding, yieldToOthers } from '../../platform/yielding.ts'
import { inJsonList } from '../../store/json-lists.ts'
import { type Reader, type StatementParts, type Store, statement } from '../../store/store.ts'
import { requireRegisteredAgent } from '../agents/lookup.ts'
import { isOwnKindSql } from '../tasks/dependency-kinds.ts'
import { dependencyOrderYielding } from '../tasks/dependency-order.ts'
import { requirePools } from '../tasks/locks.ts'
import { type PlannedEdge, planFamilyOf } from './plan-family.ts'
import { planMarkOf } from './plan-mark.ts'
import { referencesOf, type StagedTask } from './staged-tasks.ts'

/** A staged task and the effect of its publication. */
export interface CheckedTask extends StagedTask {
  readonly change: 'created' | 'updated' | 'unchanged'
  /** The dependencies that it inherits from parents within the plan. */
  readonly inherited: readonly PlannedEdge[]
  /** The tasks of the plan that a cycle keeps from waiting for this one, as their parents do. */
  readonly leftOut: readonly PlannedEdge[]
  /** The tasks of the plan that a cycle keeps this one from waiting for. */
  readonly leftOutOf: readonly PlannedEdge[]
}

/** A plan that can be published. */
export interface CheckedPlan {
  /** Each task comes after those it waits for, its children among them. */
  readonly tasks: readonly CheckedTask[]
  /** The ids of all tasks that the plan names, by external id. */
  readonly ids: ReadonlyMap<string, string>
}

/** Ids in one query. */
const chunkLimit = 500

/** Runs a query for a list of ids in chunks, and yields to the event loop between them. */
export async function queryInChunks<R>(ids: readonly string[], query: (chunk: string[]) => Promise<R[]>): Promise<R[]> {
  const rows: R[] = []
  for (let start = 0; start < ids.length; start += chunkLimit) {
    if (start > 0) await yieldToOthers()
    rows.push(...(await query(ids.slice(start, start + chunkLimit))))
  }
  return rows
}

const findByExternalIds = statement(({ db, t, p }: StatementParts<{ project: string; externalIds: string }>) =>
  db
    .select({ id: t.tasks.id, externalId: t.tasks.externalId, planHash: t.tasks.planHash })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), inJsonList(t.tasks.externalId, p.externalIds)))
    .prepare(),
)

/** Returns the tasks of the project with these external ids. */
export const findImportedTasks = (reader: Reader, project: string, externalIds: readonly string[]) =>
  reader.run(findByExternalIds, { project, externalIds: JSON.stringify(externalIds) })

const findDependencies = (store: Store, taskIds: readonly string[]) =>
  queryInChunks(taskIds, (chunk) =>
    store.read(({ db, t }) =>
      db
        .select({ taskId: t.taskDependencies.taskId, dependsOnId: t.taskDependencies.dependsOnId })
        .from(t.taskDependencies)
        .where(and(inArray(t.taskDependencies.taskId, chunk), isOwnKindSql(t.taskDependencies.kind))),
    ),
  )

/** The ids of tasks by external id. */
export type TaskIds = Pick<ReadonlyMap<string, string>, 'get'>

export function resolveTaskId(ids: TaskIds, externalId: string, of: string): string {
  const id = ids.get(externalId)
  if (id === undefined)
    throw new CoordinationError(
      'INVALID_INPUT',
      `task ${of} refers to ${externalId}, which is neither in this plan nor in the project`,
    )
  return id
}

/**
 * Throws DEPENDENCY_CYCLE if the plan's dependencies close a cycle with those in the store. Such a
 * cycle contains a task of the project that the plan updates, because nothing in the store depends
 * on a new one.
 */
async function refuseCycles(store: Store, { tasks, ids }: CheckedPlan): Promise<void> {
  const updated = tasks.filter(({ change }) => change === 'updated')
  if (updated.length === 0) return
  const idsOf = (names: readonly string[]) => names.flatMap((name) => ids.get(name) ?? [])
  const edges = new Map<string, readonly string[]>()
  await forEachYielding(tasks, ({ key, after, change }) => {
    if (change !== 'unchanged') edges.set(resolveTaskId(ids, key, key), idsOf(after))
  })
  let open = idsOf(updated.map(({ key }) => key))
  const seen = new Set(open)
  const reached: { readonly key: string; readonly after: readonly string[] }[] = []
  while (open.length > 0) {
    const stored = Map.groupBy(
      await findDependencies(
        store,
        open.filter((id) => !edges.has(id)),
      ),
      ({ taskId }) => taskId,
    )
    const next = new Set<string>()
    await forEachYielding(open, (id) => {
      const after = edges.get(id) ?? (stored.get(id) ?? []).map(({ dependsOnId }) => dependsOnId)
      reached.push({ key: id, after })
      for (const other of after) if (!seen.has(other)) next.add(other)
    })
    for (const id of next) seen.add(id)
    open = [...next]
  }
  await dependencyOrderYielding(reached)
}

/** Throws for an agent that is not registered, or a slot of a pool without a size. */
async function requireAgentsAndPools(store: Store, project: string, tasks: readonly CheckedTask[]): Promise<void> {
  const changed = tasks.filter(({ change }) => change !== 'unchanged')
  const agents = new Set(changed.flatMap(({ assignedTo }) => assignedTo ?? []))
  // A new task that has ended takes no lock.
  const taking = changed.filter(({ change, hasEnded }) => !(change === 'created' && hasEnded))
  const locks = [...new Set(taking.flatMap((task) => task.locks))]
  await store.read(async (reader) => {
    for (const agent of agents) await requireRegisteredAgent(reader, project, agent)
    await requirePools(reader, project, locks)
  })
}

/** Returns the edges that follow from parents, and the tasks in the order of their publication. */
async function orderStaged(staged: readonly StagedTask[]) {
  await dependencyOrderYielding(staged)
  const { children, ...family } = await planFamilyOf(staged)
  const waiting = await mapYielding(staged, (task) => {
    const names = [...(family.inherited.get(task.key) ?? []).map((edge) => edge.key), ...(children.get(task.key) ?? [])]
    return { key: task.key, after: [...task.after, ...names], task }
  })
  const ordered = (await dependencyOrderYielding(waiting)).map(({ task }) => task)
  return { family, ordered }
}

/**
 * Checks a whole plan before the first of its tasks is published: its order, every name in it, its
 * agents and its pools. It only reads, in chunks, and gives the event loop turns. A plan of 40,000
 * tasks with parents would otherwise hold it for 200 ms at once.
 */
export async function checkPlan(store: Store, project: string, staged: readonly StagedTask[]): Promise<CheckedPlan> {
  const { family, ordered } = await orderStaged(staged)
  const names = new Set<string>()
  await forEachYielding(staged, (task) => {
    names.add(task.key)
    for (const name of referencesOf(task)) names.add(name)
  })
  const imported = await queryInChunks([...names], (chunk) =>
    store.read((reader) => findImportedTasks(reader, project, chunk)),
  )
  const known = new Map<string | null, (typeof imported)[number]>()
  const ids = new Map<string, string>()
  await forEachYielding(staged, ({ key, taskId }) => ids.set(key, taskId))
  await forEachYielding(imported, (row) => {
    known.set(row.externalId, row)
    if (row.externalId !== null) ids.set(row.externalId, row.id)
  })
  const changeOf = ({ key, hash }: StagedTask): CheckedTask['change'] => {
    const row = known.get(key)
    if (!row) return 'created'
    return planMarkOf(row.planHash)?.hash === hash ? 'unchanged' : 'updated'
  }
  const tasks = await mapYielding(ordered, (task) => {
    const { key } = task
    return {
      ...task,
      change: changeOf(task),
      inherited: family.inherited.get(key) ?? [],
      leftOut: family.leftOut.get(key) ?? [],
      leftOutOf: family.leftOutOf.get(key) ?? [],
    }
  })
  await forEachYielding(tasks, (task) => {
    if (task.change !== 'unchanged') for (const name of referencesOf(task)) resolveTaskId(ids, name, task.key)
  })
  const plan = { tasks, ids }
  await requireAgentsAndPools(store, project, tasks)
  await refuseCycles(store, plan)
  return plan
}
