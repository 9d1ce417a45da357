import { eq, sql } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { TaskRow } from './task-row.ts'

/**
 * Sorts rows by creation for the order of their events. An engine returns updated rows in any
 * order.
 */
export const inCreationOrder = <T extends { readonly ord: number }>(rows: readonly T[]): T[] =>
  rows.toSorted((a, b) => a.ord - b.ord)

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

const blockWaiting = statement(({ db, t, p }: StatementParts<{ taskId: string; added: number }>) =>
  db
    .update(t.tasks)
    .set(blockColumns(t, sql`${p.added}`))
    .where(eq(t.tasks.id, p.taskId))
    .returning()
    .prepare(),
)

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

/** Counts open dependencies that a stored task gets. */
export async function blockTask(
  tx: Transaction,
  added: { readonly taskId: string; readonly added: number },
  origin: { readonly by: string; readonly actor: string | null },
): Promise<void> {
  recordBlockedTasks(tx, await tx.run(blockWaiting, added), added.added, origin)
}
