import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { and, eq, exists, inArray, isNull, notExists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { blockColumns, inCreationOrder, recordBlockedTasks } from './block-tasks.ts'
import { cascadingKinds, type FinalStatus, inKinds, satisfiedKinds, type UnmetDependency } from './dependency-kinds.ts'
import { addFreedEdges, closeCycles } from './ended-cycles.ts'
import { finalFailureColumns } from './failure.ts'
import { notifyClaimable } from './lease.ts'
import { completionColumns, dequeueColumns, unblockedDeadlineSql } from './queue-columns.ts'
import type { TaskRow } from './task-row.ts'
import { forgetEnd } from './uncounted-ends.ts'

/** The tasks with an edge of these kinds to a task. */
const selectDependents = ({ db, t, p }: StatementParts<{ taskId: string }>, kinds: readonly number[]) =>
  db
    .select({ id: t.taskDependencies.taskId })
    .from(t.taskDependencies)
    .where(and(eq(t.taskDependencies.dependsOnId, p.taskId), inKinds(t.taskDependencies.kind, kinds)))

const findAwaited = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ project: t.tasks.projectId, openDeps: t.tasks.openDeps })
    .from(t.taskDependencies)
    .innerJoin(t.tasks, eq(t.tasks.id, t.taskDependencies.dependsOnId))
    .where(eq(t.taskDependencies.dependsOnId, p.taskId))
    .limit(1)
    .prepare(),
)

const createCountDown = (outcome: FinalStatus) =>
  statement((query: StatementParts<{ taskId: string; now: number }>) => {
    const { db, t, p } = query
    const unblocks = sql`${t.tasks.status} = 'blocked' and ${t.tasks.openDeps} = 1`
    const later = sql`coalesce(${t.tasks.notBefore}, 0) > ${p.now}`
    const claimable = sql`not ${later} and ${t.tasks.hold} is null`
    // Not `queuedDeadlineSql`: the statement reads the old count, by which the task is blocked.
    const timeoutAt = unblockedDeadlineSql(t, sql`(case when ${later} then ${t.tasks.notBefore} else ${p.now} end)`)
    return db
      .update(t.tasks)
      .set({
        openDeps: sql`${t.tasks.openDeps} - 1`,
        status: sql`case when ${unblocks} then 'pending' else ${t.tasks.status} end`,
        ready: sql`case when ${unblocks} and ${claimable} then ${t.tasks.routeId} else ${t.tasks.ready} end`,
        readyAt: sql`case when ${unblocks} then ${p.now} else ${t.tasks.readyAt} end`,
        timeoutAt: sql`case when ${unblocks} and ${t.tasks.hold} is null then ${timeoutAt} else ${t.tasks.timeoutAt} end`,
        revision: sql`case when ${unblocks} then ${t.tasks.revision} + 1 else ${t.tasks.revision} end`,
      })
      .where(inArray(t.tasks.id, selectDependents(query, satisfiedKinds[outcome])))
      .returning()
      .prepare()
  })

const countDown = {
  completed: createCountDown('completed'),
  failed: createCountDown('failed'),
  cancelled: createCountDown('cancelled'),
}

/**
 * Completes a parent whose last child has ended, unless it is held or a child has failed. A task
 * without children is work for an agent.
 */
const completeParent = statement(({ db, t, p }: StatementParts<{ ord: number; now: number }>) => {
  const child = alias(t.tasks, 'child')
  const isChild = eq(child.parentId, t.tasks.id)
  const anyChild = db.select({ id: child.id }).from(child).where(isChild)
  const failedChild = db
    .select({ id: child.id })
    .from(child)
    .where(and(isChild, equalsLiteral(child.status, 'failed')))
  return db
    .update(t.tasks)
    .set({ ...dequeueColumns, ...completionColumns(t, p.now), revision: sql`${t.tasks.revision} + 1` })
    .where(
      and(
        eq(t.tasks.ord, p.ord),
        equalsLiteral(t.tasks.status, 'pending'),
        isNull(t.tasks.hold),
        exists(anyChild),
        notExists(failedChild),
      ),
    )
    .returning()
    .prepare()
})

/** Completes a parent that its last child has unblocked. Returns false if it must be claimed. */
async function completeParentIn(tx: Transaction, parent: TaskRow, actor: string | null): Promise<boolean> {
  const [row] = await tx.run(completeParent, { ord: parent.ord, now: tx.now })
  if (!row) return false
  const type = row.status === 'completed' ? 'task.completed' : 'task.submitted'
  const data = { attempt: row.attempt, agentId: null, rolledUp: true }
  tx.append({ type, subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  if (row.status === 'completed') await unblockDependents(tx, row.id, actor)
  return true
}

/** A task that others wait for. */
export interface AwaitedTask {
  readonly project: string
  /** The number of its own open dependencies. Most tasks end without any. */
  readonly openDeps: number
}

/**
 * Returns a task if others wait for it. Most have no dependents, and to find that out costs less
 * than an update that changes no row.
 */
export const findAwaitedTask = async (tx: Transaction, taskId: string): Promise<AwaitedTask | undefined> =>
  (await tx.run(findAwaited, { taskId }))[0]

/**
 * Decrements the count of open dependencies of each task that waits for the completion of a task. A
 * dependent without open dependencies becomes claimable. A parent with `onChildrenEnd: complete` is
 * completed instead, unless it is held or a child has failed.
 */
export async function unblockDependents(tx: Transaction, taskId: string, actor: string | null): Promise<void> {
  const awaited = await findAwaitedTask(tx, taskId)
  if (awaited) await unblockKnownDependents(tx, awaited, actor, taskId)
}

/** Does what `unblockDependents` does, for a task that has dependents. */
export async function unblockKnownDependents(
  tx: Transaction,
  { project, openDeps }: AwaitedTask,
  actor: string | null,
  taskId: string,
): Promise<void> {
  // The operation that ends the last dependency is then the last one in the feed too.
  await tx.afterEarlier()
  // A task without open dependencies has waited for nothing, so no cycle ends with it.
  if (openDeps > 0) await addFreedEdges(tx, { project, taskIds: [taskId], areUncounted: true }, actor)
  await countEnd(tx, { taskId, outcome: 'completed' }, actor)
}

interface TaskEnd {
  readonly taskId: string
  readonly outcome: FinalStatus
}

/** Counts the end of a task at the tasks that wait for this outcome. */
async function countEnd(tx: Transaction, { taskId, outcome }: TaskEnd, actor: string | null): Promise<void> {
  const dependents = await tx.run(countDown[outcome], { taskId, now: tx.now })
  forgetEnd(tx, taskId)
  for (const row of inCreationOrder(dependents)) {
    if (row.openDeps > 0 || row.status !== 'pending') continue
    tx.append({ type: 'task.unblocked', subject: row.id, actor, taskId: row.id, epic: row.epic, data: { by: taskId } })
    if (row.rollsUp === 1 && (await completeParentIn(tx, row, actor))) continue
    if (row.ready !== null) notifyClaimable(tx, row)
  }
}

const createCountUp = (outcome: FinalStatus) =>
  statement((query: StatementParts<{ taskId: string }>) =>
    query.db
      .update(query.t.tasks)
      .set(blockColumns(query.t, sql`1`))
      .where(inArray(query.t.tasks.id, selectDependents(query, satisfiedKinds[outcome])))
      .returning()
      .prepare(),
  )

const countUp = {
  completed: createCountUp('completed'),
  failed: createCountUp('failed'),
  cancelled: createCountUp('cancelled'),
}

/** Counts an ended task that starts again as an open dependency of the tasks it had unblocked. */
export async function blockDependents(
  tx: Transaction,
  taskId: string,
  actor: string | null,
  outcome: FinalStatus = 'failed',
): Promise<void> {
  recordBlockedTasks(tx, await tx.run(countUp[outcome], { taskId }), 1, { by: taskId, actor })
  await closeCycles(tx, taskId, actor)
}

const failBlockedDependents = statement(
  (query: StatementParts<{ taskId: string; error: string; only: string | null; now: number }>) => {
    const { db, t, p } = query
    return db
      .update(t.tasks)
      .set(finalFailureColumns(t, p))
      .where(
        and(
          inArray(t.tasks.id, selectDependents(query, cascadingKinds)),
          inLiterals(t.tasks.status, taskTransitions.cascade.from),
          equalsLiteral(t.tasks.onDependencyFailure, 'fail'),
          sql`(cast(${p.only} as text) is null or ${t.tasks.id} = ${p.only})`,
        ),
      )
      .returning()
      .prepare()
  },
)

export const unmetDependencyErrorText = ({ id, status }: UnmetDependency): string =>
  status === 'cancelled' ? `dependency ${id} was cancelled` : `dependency ${id} failed`

/** Fails the blocked dependents of one task, and returns them. */
async function failDependentsOf(
  tx: Transaction,
  cause: UnmetDependency,
  actor: string | null,
  only: string | null,
): Promise<TaskRow[]> {
  const error = unmetDependencyErrorText(cause)
  const failed = inCreationOrder(await tx.run(failBlockedDependents, { taskId: cause.id, error, only, now: tx.now }))
  for (const row of failed) {
    const { attempt, agentId, failures } = row
    const data = { attempt, agentId, failures, error }
    tx.append({ type: 'task.failed', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  }
  return failed
}

/** Counts the ends of tasks that have ended together without completion. */
async function countUnmetEnds(tx: Transaction, ended: readonly UnmetDependency[], actor: string | null): Promise<void> {
  const awaited: (AwaitedTask & TaskEnd)[] = []
  for (const { id: taskId, status } of ended) {
    const found = await findAwaitedTask(tx, taskId)
    if (found) awaited.push({ ...found, taskId, outcome: status === 'cancelled' ? 'cancelled' : 'failed' })
  }
  const [first] = awaited
  if (!first) return
  const taskIds = awaited.map(({ taskId }) => taskId)
  await addFreedEdges(tx, { project: first.project, taskIds, areUncounted: true }, actor)
  for (const end of awaited) await countEnd(tx, end, actor)
}

/**
 * Fails the blocked dependents of tasks that ended without completion, if their
 * `onDependencyFailure` is `fail`, level by level. Unblocks the tasks that waited for these ends.
 * Every operation that ends tasks this way calls it in the same transaction.
 */
export async function failDependents(
  tx: Transaction,
  causes: readonly UnmetDependency[],
  actor: string | null,
  /** The only dependent to judge: it has just got these dependencies. Null for all dependents. */
  newDependent: string | null = null,
): Promise<void> {
  let level = causes
  let only = newDependent
  while (level.length > 0) {
    const nextLevel: UnmetDependency[] = []
    for (const cause of level) nextLevel.push(...(await failDependentsOf(tx, cause, actor, only)))
    if (only === null) await countUnmetEnds(tx, level, actor)
    level = nextLevel
    only = null
  }
}
