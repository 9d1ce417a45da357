import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { and, eq, exists, inArray, isNull, notExists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { cascadingKinds, type FinalStatus, inKinds, satisfiedKinds, type UnmetDependency } from './dependency-kinds.ts'
import { type AwaitedTask, addFreedEdges, closeCycles, type TaskEnd } from './ended-cycles.ts'
import { finalFailureColumns } from './failure.ts'
import { notifyClaimable } from './lease.ts'
import { completionColumns, dequeueColumns, unblockedDeadlineSql } from './queue-columns.ts'
import type { TaskRow } from './task-row.ts'

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
 * Sorts rows by creation for the order of their events. An engine returns updated rows in any
 * order.
 */
const inCreationOrder = <T extends { readonly ord: number }>(rows: readonly T[]): T[] =>
  rows.toSorted((a, b) => a.ord - b.ord)

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

/**
 * Returns a task if others wait for it. Most have no dependents, and to find that out costs less
 * than an update that changes no row.
 */
export const findAwaitedTask = async (tx: Transaction, taskId: string): Promise<AwaitedTask | undefined> =>
  (await tx.run(findAwaited, { taskId }))[0]

/**
 * Decrements the count of open dependencies of each task that waits for this outcome of an ended
 * task. A dependent without open dependencies becomes claimable. A parent with
 * `onChildrenEnd: complete` is completed instead, unless it is held or a child has failed.
 */
export async function unblockDependents(
  tx: Transaction,
  taskId: string,
  actor: string | null,
  end: Pick<TaskEnd, 'outcome' | 'uncounted'> = { outcome: 'completed' },
): Promise<void> {
  const awaited = await findAwaitedTask(tx, taskId)
  if (awaited) await unblockKnownDependents(tx, awaited, actor, { ...end, taskId })
}

/** Does what `unblockDependents` does, for a task that has dependents. */
export async function unblockKnownDependents(
  tx: Transaction,
  awaited: AwaitedTask,
  actor: string | null,
  end: TaskEnd,
): Promise<void> {
  const { taskId, outcome, uncounted } = end
  // The operation that ends the last dependency is then the last one in the feed too.
  await tx.afterEarlier()
  // A task without open dependencies has waited for nothing, so no cycle ends with it.
  if (awaited.openDeps > 0 || uncounted) await addFreedEdges(tx, awaited, actor, end)
  const dependents = await tx.run(countDown[outcome], { taskId, now: tx.now })
  for (const row of inCreationOrder(dependents)) {
    if (row.openDeps > 0 || row.status !== 'pending') continue
    tx.append({ type: 'task.unblocked', subject: row.id, actor, taskId: row.id, epic: row.epic, data: { by: taskId } })
    if (row.rollsUp === 1 && (await completeParentIn(tx, row, actor))) continue
    if (row.ready !== null) notifyClaimable(tx, row)
  }
}

/** The columns to set for a task that gets open dependencies. A leased task keeps its lease. */
export const blockColumns = ({ tasks }: StatementParts<object>['t'], count: ReturnType<typeof sql>) => {
  const isPending = sql`${tasks.status} = 'pending'`
  return {
    openDeps: sql`${tasks.openDeps} + ${count}`,
    status: sql`case when ${isPending} then 'blocked' else ${tasks.status} end`,
    ready: null,
    parkedOn: null,
    timeoutAt: sql`case when ${isPending} then ${tasks.closeBy} else ${tasks.timeoutAt} end`,
    revision: sql`case when ${isPending} then ${tasks.revision} + 1 else ${tasks.revision} end`,
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

/** Appends the events of tasks that were pending until their first dependency opened. */
export function recordBlockedTasks(
  tx: Transaction,
  rows: readonly TaskRow[],
  added: number,
  { by, actor }: { readonly by: string; readonly actor: string | null },
): void {
  for (const row of inCreationOrder(rows)) {
    if (row.status !== 'blocked' || row.openDeps !== added) continue
    tx.append({ type: 'task.blocked', subject: row.id, actor, taskId: row.id, epic: row.epic, data: { by } })
  }
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
  const uncounted = new Set(only === null ? causes.map(({ id }) => id) : [])
  while (level.length > 0) {
    const nextLevel: UnmetDependency[] = []
    for (const cause of level) {
      const error = unmetDependencyErrorText(cause)
      for (const row of inCreationOrder(
        await tx.run(failBlockedDependents, { taskId: cause.id, error, only, now: tx.now }),
      )) {
        const { attempt, agentId, failures } = row
        const data = { attempt, agentId, failures, error }
        tx.append({ type: 'task.failed', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
        nextLevel.push(row)
        uncounted.add(row.id)
      }
      if (only === null) await unblockDependents(tx, cause.id, actor, { outcome: outcomeOf(cause), uncounted })
      uncounted.delete(cause.id)
    }
    level = nextLevel
    only = null
  }
}

const outcomeOf = ({ status }: UnmetDependency): FinalStatus => (status === 'cancelled' ? 'cancelled' : 'failed')
