import { CoordinationError } from '@tony/mcp-shared/errors'
import type { PlannedTask } from '@tony/mcp-shared/plans'
import { and, eq, inArray, notExists, sql } from 'drizzle-orm'
import type { Transaction } from '../../store/store.ts'
import { enqueueTasks, type NewTask } from '../tasks/enqueue.ts'
import type { Authorship } from '../tasks/new-task.ts'
import {
  type CheckedPlan,
  type CheckedTask,
  findImported,
  queryInChunks,
  resolveTaskId,
  type TaskIds,
} from './check.ts'
import { parsePlanned, referencesOf, specHashOf } from './staged-tasks.ts'
import { updatePlannedTask } from './update.ts'

/** A plan that is being published. */
export interface Publication {
  readonly planId: string
  readonly authorship: Authorship
}

interface PublishedCounts {
  created: number
  updated: number
  unchanged: number
}

/** The cost of a task in its step, in inserted tasks. An update runs its statements one by one. */
const costs = { created: 1, updated: 5, unchanged: 0.2 } satisfies PublishedCounts

/** A dependency is a read and an insert. */
const costOf = ({ change, after }: CheckedTask): number => costs[change] * (1 + after.length / 4)

/** The cost of a step: about 4 ms of the writer on SQLite. */
const stepCost = 20

/** Returns the steps of a plan. */
export function publicationStepsOf({ tasks }: CheckedPlan): CheckedTask[][] {
  const steps: CheckedTask[][] = []
  let cost = Number.POSITIVE_INFINITY
  for (const task of tasks) {
    if (cost + costOf(task) > stepCost) {
      steps.push([])
      cost = 0
    }
    steps.at(-1)?.push(task)
    cost += costOf(task)
  }
  return steps
}

/** Returns the task of a staged row, with ids in place of external ids. */
function resolvePlanned(planned: PlannedTask, ids: TaskIds) {
  const { externalId, status: _, parentId, dependsOn, waitsFor, ...spec } = planned
  const parent = parentId === undefined ? {} : { parentId: resolveTaskId(ids, parentId, externalId) }
  const idOf = (name: string) => resolveTaskId(ids, name, externalId)
  const waits = waitsFor.map(({ taskId, kind }) => ({ taskId: idOf(taskId), kind }))
  return { ...spec, ...parent, dependsOn: dependsOn.map(idOf), waitsFor: waits }
}

const findKnown = ({ db, t }: Transaction, project: string, names: string[]) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, project), inArray(t.tasks.externalId, names)))

/**
 * Returns the ids of the tasks that a step names. Since the check, another plan may have created a
 * task that both plans name.
 */
async function currentIds(
  tx: Transaction,
  project: string,
  tasks: readonly CheckedTask[],
  ids: TaskIds,
): Promise<TaskIds> {
  const named = [...new Set(tasks.flatMap((task) => [...referencesOf(task), ...task.inherited.map(({ key }) => key)]))]
  const rows = await queryInChunks(named, (chunk) => findImported(tx, project, chunk))
  const found = new Map(rows.map(({ id, externalId }) => [externalId, id]))
  return { get: (name) => found.get(name) ?? ids.get(name) }
}

/**
 * Publishes some tasks of a plan in one transaction. It skips tasks that are published already,
 * because two calls or a call and a sweep may publish a plan at the same time. Throws
 * ILLEGAL_TRANSITION if the plan was aborted.
 */
export async function publishStep(
  tx: Transaction,
  publication: Publication,
  tasks: readonly CheckedTask[],
  checkedIds: TaskIds,
): Promise<void> {
  const { db, t } = tx
  const { planId, authorship } = publication
  const ords = tasks.map(({ ord }) => ord)
  const rows = await db
    .delete(t.planRows)
    .where(and(eq(t.planRows.planId, planId), inArray(t.planRows.ord, ords)))
    .returning({ ord: t.planRows.ord, spec: t.planRows.spec })
  const specs = new Map(rows.map(({ ord, spec }) => [ord, spec]))
  const keys = tasks.map(({ key }) => key)
  const known = new Map((await findKnown(tx, authorship.project, keys)).map((row) => [row.externalId, row]))
  const ids = await currentIds(tx, authorship.project, tasks, checkedIds)
  const counts: PublishedCounts = { created: 0, updated: 0, unchanged: 0 }
  let created: NewTask[] = []
  const insertCreated = async () => {
    await enqueueTasks(tx, authorship, created)
    counts.created += created.length
    created = []
  }
  for (const { ord, key, taskId, inherited: edges } of tasks) {
    const spec = specs.get(ord)
    if (spec === undefined) continue
    const hash = specHashOf(spec)
    const row = known.get(key)
    if (row?.planHash === hash) {
      counts.unchanged += 1
      continue
    }
    const planned = parsePlanned(spec)
    const resolved = resolvePlanned(planned, ids)
    const inherited = edges.map(({ key: name, kind }) => ({ dependsOnId: resolveTaskId(ids, name, key), kind }))
    if (row) {
      // It may depend on a task that is still to be inserted.
      await insertCreated()
      await updatePlannedTask(tx, authorship, row, { planned: resolved, planHash: hash, inherited })
      counts.updated += 1
    } else {
      const ended = planned.status === 'pending' ? {} : { ended: planned.status }
      created.push({ spec: resolved, origin: { id: taskId, externalId: key, planHash: hash, inherited, ...ended } })
    }
  }
  await insertCreated()
  if (rows.length > 0) await recordStep(tx, publication, counts)
}

/** Adds the counts of a step to those of its plan. Throws ILLEGAL_TRANSITION if it was aborted. */
async function recordStep(
  { db, t, now }: Transaction,
  { planId, authorship }: Publication,
  counts: PublishedCounts,
): Promise<void> {
  const { plans } = t
  const [plan] = await db
    .update(plans)
    .set({
      created: sql`${plans.created} + ${counts.created}`,
      updated: sql`${plans.updated} + ${counts.updated}`,
      unchanged: sql`${plans.unchanged} + ${counts.unchanged}`,
      steppedAt: now,
    })
    .where(and(eq(plans.id, planId), eq(plans.projectId, authorship.project), eq(plans.status, 'committing')))
    .returning({ id: plans.id })
  if (!plan) throw publicationAborted(planId)
}

const publicationAborted = (planId: string) =>
  new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} was aborted during its publication`)

/** The final counts of a plan. */
export interface PublicationResult extends Readonly<PublishedCounts> {
  readonly planId: string
}

/** Ends the publication of a plan. The event is appended once, whoever ends it. */
export async function endPublication(tx: Transaction, { planId, authorship }: Publication): Promise<PublicationResult> {
  const { db, t } = tx
  const { plans } = t
  const own = and(eq(plans.id, planId), eq(plans.projectId, authorship.project))
  const counts = { created: plans.created, updated: plans.updated, unchanged: plans.unchanged }
  // Another call may have opened the plan again and staged more tasks.
  const stagedRows = db.select({ ord: t.planRows.ord }).from(t.planRows).where(eq(t.planRows.planId, planId))
  const [ended] = await db
    .update(plans)
    .set({ status: 'committed' })
    .where(and(own, eq(plans.status, 'committing'), notExists(stagedRows)))
    .returning({ name: plans.name, ...counts })
  if (!ended) {
    const [other] = await db
      .select(counts)
      .from(plans)
      .where(and(own, eq(plans.status, 'committed')))
    if (other) return { planId, ...other }
    throw new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} has changed during its publication: look at it`)
  }
  tx.append({ type: 'plan.committed', subject: planId, actor: authorship.createdBy, data: { ...ended } })
  const { name: _, ...published } = ended
  return { planId, ...published }
}
