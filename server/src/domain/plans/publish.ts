import type { PlannedTask } from '@tony/mcp-shared/plans'
import { and, eq } from 'drizzle-orm'
import { systemClock } from '../../platform/clock.ts'
import { inJsonList } from '../../store/json-lists.ts'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { enqueueTasks, type NewTask } from '../tasks/enqueue.ts'
import type { Authorship } from '../tasks/new-task.ts'
import type { TaskRow } from '../tasks/task-row.ts'
import {
  type CheckedPlan,
  type CheckedTask,
  findImportedTasks,
  queryInChunks,
  resolveTaskId,
  type TaskIds,
} from './check.ts'
import { endAsPlanned, reopenAsPlanned, statusChangeOf } from './follow.ts'
import { addLeftOut } from './left-out-waits.ts'
import { planMarkOf, toPlanMark } from './plan-mark.ts'
import { type Publication, recordStep, type StepResult } from './record-publication.ts'
import { parsePlanned, referencesOf } from './staged-tasks.ts'
import { updatePlannedTask } from './update.ts'

/** A transaction of a publication. */
export interface PublicationStep {
  readonly tasks: readonly CheckedTask[]
  readonly cost: number
  /** True for the second part of a publication, in which tasks end as at their source. */
  readonly ends: boolean
}

/** The cost of a task in its step, in inserted tasks. An update runs its statements one by one. */
const costs = { created: 1, updated: 5, unchanged: 0.2 } satisfies Record<CheckedTask['change'], number>

/** A dependency is a part of a read and of an insert. */
const taskCostOf = ({ change, after }: CheckedTask): number => costs[change] * (1 + after.length / 8)

/** True for a known task that has ended at its source. It ends here in the second part. */
const endsLater = ({ hasEnded, change }: CheckedTask): boolean => hasEnded && change !== 'created'

function* toSteps(tasks: readonly CheckedTask[], ends: boolean, size: () => number): Generator<PublicationStep> {
  let step: CheckedTask[] = []
  let cost = 0
  let limit = size()
  for (const task of tasks) {
    if (step.length > 0 && cost + taskCostOf(task) > limit) {
      yield { tasks: step, cost, ends }
      step = []
      cost = 0
      limit = size()
    }
    step.push(task)
    cost += taskCostOf(task)
  }
  if (step.length > 0) yield { tasks: step, cost, ends }
}

/**
 * Returns the steps of a plan, in two parts. The first part inserts and updates tasks. The second
 * part ends the tasks that have ended at their source, dependents before their dependencies.
 * Otherwise the end of a dependency would make a dependent claimable that the same plan blocks,
 * holds or ends. `size` returns the cost limit of the next step.
 */
export function* publicationStepsOf({ tasks }: CheckedPlan, size: () => number): Generator<PublicationStep> {
  const changed = tasks.filter((task) => !endsLater(task) || task.change === 'updated')
  yield* toSteps(changed, false, size)
  yield* toSteps(tasks.filter(endsLater).toReversed(), true, size)
}

/** Returns the task of a staged row, with ids in place of external ids. */
function resolvePlanned(planned: PlannedTask, ids: TaskIds) {
  const { externalId, status: _, parentId, dependsOn, waitsFor, ...spec } = planned
  const parent = parentId === undefined ? {} : { parentId: resolveTaskId(ids, parentId, externalId) }
  const idOf = (name: string) => resolveTaskId(ids, name, externalId)
  const waits = waitsFor.map(({ taskId, kind }) => ({ taskId: idOf(taskId), kind }))
  return { ...spec, ...parent, dependsOn: dependsOn.map(idOf), waitsFor: waits }
}

/** Tasks of the project as a step finds them. */
interface FoundTasks {
  readonly ids: TaskIds
  /** The rows of the step's own tasks that the project has already, by external id. */
  readonly known: ReadonlyMap<string | null, TaskRow>
}

const findTaskRows = statement(({ db, t, p }: StatementParts<{ ids: string }>) =>
  db.select().from(t.tasks).where(inJsonList(t.tasks.id, p.ids)).prepare(),
)

/**
 * Finds the tasks that a step names. Since the check, another plan may have created a task that
 * both plans name. `sure` has the names of earlier steps, which need no search.
 */
async function findStepTasks(
  tx: Transaction,
  project: string,
  tasks: readonly CheckedTask[],
  { sure, checked }: PlanTaskIds,
): Promise<FoundTasks> {
  const own = new Set(tasks.map(({ key }) => key))
  const named = new Set(own)
  for (const task of tasks)
    for (const name of [...referencesOf(task), ...task.inherited.map(({ key }) => key)])
      if (!sure.has(name)) named.add(name)
  const rows = await queryInChunks([...named], (chunk) => findImportedTasks(tx, project, chunk))
  const found = new Map(rows.map(({ id, externalId }) => [externalId, id]))
  const knownIds = rows.filter(({ externalId }) => own.has(externalId ?? '')).map(({ id }) => id)
  const known = await queryInChunks(knownIds, (chunk) => tx.run(findTaskRows, { ids: JSON.stringify(chunk) }))
  return {
    ids: { get: (name) => found.get(name) ?? sure.get(name) ?? checked.get(name) },
    known: new Map(known.map((row) => [row.externalId, row])),
  }
}

const findStagedRows = statement(({ db, t, p }: StatementParts<StagedRowsParams>) =>
  db
    .select({ ord: t.planRows.ord, spec: t.planRows.spec })
    .from(t.planRows)
    .where(and(eq(t.planRows.planId, p.planId), inJsonList(t.planRows.externalId, p.externalIds)))
    .prepare(),
)

const deleteStagedRows = statement(({ db, t, p }: StatementParts<StagedRowsParams>) =>
  db
    .delete(t.planRows)
    .where(and(eq(t.planRows.planId, p.planId), inJsonList(t.planRows.externalId, p.externalIds)))
    .returning({ ord: t.planRows.ord, spec: t.planRows.spec })
    .prepare(),
)

interface StagedRowsParams {
  planId: string
  externalIds: string
}

/**
 * Returns the specs of the staged rows of a step by their `ord`, and deletes the rows. In the first
 * part it does not delete the rows of tasks that the second part ends. An interrupted publication
 * therefore ends these tasks when it continues.
 */
async function takeStagedSpecs(tx: Transaction, planId: string, { tasks, ends }: PublicationStep) {
  const staying = ends ? [] : tasks.filter(endsLater)
  const taken = tasks.filter((task) => ends || !endsLater(task))
  const rows: { ord: number; spec: string }[] = []
  for (const [matching, query] of [[staying, findStagedRows] as const, [taken, deleteStagedRows] as const]) {
    if (matching.length === 0) continue
    const externalIds = JSON.stringify(matching.map(({ key }) => key))
    rows.push(...(await tx.run(query, { planId, externalIds })))
  }
  return new Map(rows.map(({ ord, spec }) => [ord, spec]))
}

/** The state of a step while it runs. */
interface StepRun {
  readonly tx: Transaction
  readonly authorship: Authorship
  readonly ends: boolean
  readonly ids: TaskIds
  readonly result: StepResult
}

/** Updates the row of a known task, and its status if its source has opened it again. */
async function publishKnown(run: StepRun, task: CheckedTask, row: TaskRow, spec: string): Promise<void> {
  const { tx, authorship, result } = run
  const planned = parsePlanned(spec)
  const { hash } = task
  const last = planMarkOf(row.planHash)
  const change = statusChangeOf(row, planned.status)
  if (change === 'reopen') await reopenAsPlanned(tx, authorship.createdBy, row)
  if (last?.hash !== hash) {
    // A task that ends in the second part has not followed its source yet.
    const status = endsLater(task) ? last?.status : planned.status
    const inherited = task.inherited.map(({ key, kind }) => ({
      dependsOnId: resolveTaskId(run.ids, key, task.key),
      kind,
    }))
    const resolved = resolvePlanned(planned, run.ids)
    await updatePlannedTask(tx, authorship, row, {
      planned: resolved,
      planHash: toPlanMark({ status, hash }),
      inherited,
    })
  }
  if (endsLater(task)) return
  if (change === 'keep') result.kept.push({ externalId: task.key, status: row.status, planned: planned.status })
  if (last?.hash === hash) result.unchanged += 1
  else result.updated += 1
}

const setPlanMark = rowlessStatement(({ db, t, p }: StatementParts<{ taskId: string; planHash: string }>) =>
  db.update(t.tasks).set({ planHash: p.planHash }).where(eq(t.tasks.id, p.taskId)).prepare(),
)

/** Ends a known task as at its source, unless an agent works on it or it has ended here. */
async function applyPlannedStatus(run: StepRun, task: CheckedTask, row: TaskRow, spec: string): Promise<void> {
  const { tx, authorship, result } = run
  const { status } = parsePlanned(spec)
  if (status === 'pending') return
  const actor = authorship.createdBy
  const change = statusChangeOf(row, status)
  if (change === 'replace') await reopenAsPlanned(tx, actor, row)
  const ends = change === 'end' || change === 'replace'
  const hasEnded = ends && (await endAsPlanned(tx, actor, row.id, status))
  const keeps = change === 'keep' || (ends && !hasEnded)
  if (keeps) result.kept.push({ externalId: task.key, status: row.status, planned: status })
  if (hasEnded || task.change === 'updated') result.updated += 1
  else result.unchanged += 1
  const planHash = toPlanMark({ status, hash: task.hash })
  if (row.planHash !== planHash) await tx.run(setPlanMark, { taskId: row.id, planHash })
}

/** The ids of the tasks that a plan names. */
export interface PlanTaskIds {
  /** As the check has found them. */
  readonly checked: TaskIds
  /** Those of the tasks in committed steps of the same call. */
  readonly sure: ReadonlyMap<string, string>
}

/** A committed step. */
export interface PublishedStep {
  /** The time between its first and its last statement, in milliseconds. */
  readonly ms: number
  /** The cost of the tasks that were not published before. */
  readonly cost: number
  /** The ids of its tasks. */
  readonly ids: readonly (readonly [name: string, id: string])[]
}

/**
 * Publishes some tasks of a plan in one transaction. It skips tasks that are published already,
 * because two calls or a call and a sweep may publish a plan at the same time. Throws
 * ILLEGAL_TRANSITION if the plan was aborted.
 */
export async function publishStep(
  tx: Transaction,
  publication: Publication,
  step: PublicationStep,
  names: PlanTaskIds,
): Promise<PublishedStep> {
  const startedAt = systemClock.monotonic()
  const { planId, authorship } = publication
  const { tasks, ends } = step
  const specs = await takeStagedSpecs(tx, planId, step)
  const { known, ids } = await findStepTasks(tx, authorship.project, tasks, names)
  const result: StepResult = { created: 0, updated: 0, unchanged: 0, kept: [] }
  const run = { tx, authorship, ends, ids, result }
  let created: NewTask[] = []
  const insertCreated = async () => {
    await enqueueTasks(tx, authorship, created)
    result.created += created.length
    created = []
  }
  for (const task of tasks) {
    const spec = specs.get(task.ord)
    if (spec === undefined) continue
    const row = known.get(task.key)
    if (row) {
      // It may depend on a task that is still to be inserted.
      await insertCreated()
      await (ends ? applyPlannedStatus : publishKnown)(run, task, row, spec)
    } else if (ends || !endsLater(task)) created.push(toNewTask(task, spec, ids))
  }
  await insertCreated()
  await addLeftOut(run, tasks)
  if (specs.size > 0) await recordStep(tx, publication, result)
  const published = tasks.filter(({ key, ord }) => specs.has(ord) || known.has(key))
  return {
    ms: systemClock.monotonic() - startedAt,
    cost: (step.cost * specs.size) / tasks.length,
    ids: published.map(({ key, taskId }) => [key, known.get(key)?.id ?? taskId]),
  }
}

/** Returns the new task of a staged row. */
function toNewTask({ key, taskId, hash, inherited: edges }: CheckedTask, spec: string, ids: TaskIds): NewTask {
  const planned = parsePlanned(spec)
  const { status } = planned
  const inherited = edges.map(({ key: name, kind }) => ({ dependsOnId: resolveTaskId(ids, name, key), kind }))
  const planHash = toPlanMark({ status, hash })
  const ended = status === 'pending' ? {} : { ended: status }
  return { spec: resolvePlanned(planned, ids), origin: { id: taskId, externalId: key, planHash, inherited, ...ended } }
}
