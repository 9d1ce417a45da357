import { taskTransitions } from '@tony/mcp-shared/tasks'
import { and, eq, inArray, sql } from 'drizzle-orm'
import { equalsLiteral, inLiterals } from '../../store/sql-literals.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import { finalFailureColumns } from './failure.ts'
import { notifyClaimable } from './lease.ts'
import { claimTimeout } from './queue-columns.ts'

const dependentsOf = ({ db, t, p }: Query<{ taskId: string }>) =>
  db
    .select({ id: t.taskDependencies.taskId })
    .from(t.taskDependencies)
    .where(eq(t.taskDependencies.dependsOnId, p.taskId))

const countDownDependents = statement((query: Query<{ taskId: string; now: number }>) => {
  const { db, t, p } = query
  const unblocks = sql`${t.tasks.status} = 'blocked' and ${t.tasks.openDeps} = 1`
  const later = sql`coalesce(${t.tasks.notBefore}, 0) > ${p.now}`
  // Not `waitTimeout`: the statement reads the row's old count, by which the task is blocked.
  const timeoutAt = claimTimeout(t, sql`(case when ${later} then ${t.tasks.notBefore} else ${p.now} end)`)
  return db
    .update(t.tasks)
    .set({
      openDeps: sql`${t.tasks.openDeps} - 1`,
      status: sql`case when ${unblocks} then 'pending' else ${t.tasks.status} end`,
      ready: sql`case when ${unblocks} and not ${later} then ${t.tasks.routeId} else ${t.tasks.ready} end`,
      readyAt: sql`case when ${unblocks} then ${p.now} else ${t.tasks.readyAt} end`,
      timeoutAt: sql`case when ${unblocks} then ${timeoutAt} else ${t.tasks.timeoutAt} end`,
      revision: sql`case when ${unblocks} then ${t.tasks.revision} + 1 else ${t.tasks.revision} end`,
    })
    .where(inArray(t.tasks.id, dependentsOf(query)))
    .returning()
    .prepare()
})

/**
 * Sorts rows by creation for the order of their events. An engine returns updated rows in any
 * order.
 */
const inCreationOrder = <T extends { readonly ord: number }>(rows: readonly T[]): T[] =>
  rows.toSorted((a, b) => a.ord - b.ord)

/**
 * Counts a completed task off its dependents. Its last open dependency makes a dependent claimable.
 */
export async function unblockDependents(tx: Transaction, taskId: string, actor: string | null): Promise<void> {
  const dependents = await tx.run(countDownDependents, { taskId, now: tx.now })
  for (const row of inCreationOrder(dependents)) {
    if (row.openDeps > 0 || row.status !== 'pending') continue
    tx.append({ type: 'task.unblocked', subject: row.id, actor, taskId: row.id, epic: row.epic, data: { by: taskId } })
    if (row.ready !== null) notifyClaimable(tx, row)
  }
}

const failBlockedDependents = statement(
  (query: Query<{ taskId: string; error: string; only: string | null; now: number }>) => {
    const { db, t, p } = query
    return db
      .update(t.tasks)
      .set(finalFailureColumns(t, p))
      .where(
        and(
          inArray(t.tasks.id, dependentsOf(query)),
          inLiterals(t.tasks.status, taskTransitions.cascade.from),
          equalsLiteral(t.tasks.onDependencyFailure, 'fail'),
          sql`(cast(${p.only} as text) is null or ${t.tasks.id} = ${p.only})`,
        ),
      )
      .returning()
      .prepare()
  },
)

/** A task that ended without completion. */
export interface UnmetDependency {
  readonly id: string
  readonly status: string
}

export const unmetDependencyError = ({ id, status }: UnmetDependency): string =>
  status === 'cancelled' ? `dependency ${id} was cancelled` : `dependency ${id} failed`

/**
 * Fails the blocked dependents of tasks that ended without completion, if their
 * `onDependencyFailure` is `fail`, level by level. Every operation that ends tasks this way calls
 * it in the same transaction.
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
    for (const cause of level) {
      const error = unmetDependencyError(cause)
      for (const row of inCreationOrder(
        await tx.run(failBlockedDependents, { taskId: cause.id, error, only, now: tx.now }),
      )) {
        const { attempt, agentId, failures } = row
        const data = { attempt, agentId, failures, error }
        tx.append({ type: 'task.failed', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
        nextLevel.push(row)
      }
    }
    level = nextLevel
    only = null
  }
}
