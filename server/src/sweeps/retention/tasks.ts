import { and, eq, gt, notExists, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { isOwnKindSql } from '../../domain/tasks/dependency-kinds.ts'
import { inLiterals } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import { chooseExpired, retentionCutoff, rowsPerRead } from './progress.ts'

const endedStatuses = ['completed', 'failed', 'cancelled'] as const

const findTaskPage = statement(({ db, t, p }: StatementParts<{ project: string; after: number; limit: number }>) =>
  db
    .select({
      ord: t.tasks.ord,
      id: t.tasks.id,
      createdAt: t.tasks.createdAt,
      completedAt: t.tasks.completedAt,
    })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), gt(t.tasks.ord, p.after)))
    .orderBy(t.tasks.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const countEnded = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ tasks: sql<number>`coalesce(sum(${t.taskCounts.tasks}), 0)` })
    .from(t.taskCounts)
    .where(and(eq(t.taskCounts.projectId, p.project), inLiterals(t.taskCounts.status, endedStatuses)))
    .prepare(),
)

/**
 * Matches an ended task that no other task depends on or has as its parent. Its parent no longer
 * waits for it, so derived edges do not count.
 */
const lockUnreferencedTask = statement(({ db, t, p, locked }: StatementParts<{ id: string }>) => {
  const child = alias(t.tasks, 'child')
  const { taskDependencies: edges } = t
  const free = db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.id, p.id),
        inLiterals(t.tasks.status, endedStatuses),
        notExists(
          db
            .select({ id: edges.taskId })
            .from(edges)
            .where(and(eq(edges.dependsOnId, p.id), isOwnKindSql(edges.kind))),
        ),
        notExists(db.select({ id: child.id }).from(child).where(eq(child.parentId, p.id))),
      ),
    )
  return locked(free).prepare()
})

const rowDeletions = [
  statement(({ db, t, p }: StatementParts<{ id: string }>) =>
    db
      .delete(t.taskDependencies)
      .where(or(eq(t.taskDependencies.taskId, p.id), eq(t.taskDependencies.dependsOnId, p.id)))
      .returning({ id: t.taskDependencies.taskId })
      .prepare(),
  ),
  statement(({ db, t: { leftOutDependencies: edges }, p }: StatementParts<{ id: string }>) =>
    db
      .delete(edges)
      .where(or(eq(edges.taskId, p.id), eq(edges.dependsOnId, p.id)))
      .returning({ id: edges.taskId })
      .prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ id: string }>) =>
    db.delete(t.artifacts).where(eq(t.artifacts.taskId, p.id)).returning({ id: t.artifacts.taskId }).prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ id: string }>) =>
    db
      .delete(t.orphanResults)
      .where(eq(t.orphanResults.taskId, p.id))
      .returning({ id: t.orphanResults.taskId })
      .prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ id: string }>) =>
    db.delete(t.tasks).where(eq(t.tasks.id, p.id)).returning({ id: t.tasks.id }).prepare(),
  ),
]

async function deleteTasksIn(tx: Transaction, rows: readonly { readonly id: string }[]): Promise<number> {
  // Prevents new dependencies on these tasks until the commit.
  await tx.exclusive('dependencies')
  let deleted = 0
  for (const { id } of rows) {
    if ((await tx.run(lockUnreferencedTask, { id })).length === 0) continue
    for (const deletion of rowDeletions) await tx.run(deletion, { id })
    deleted += 1
  }
  return deleted
}

/**
 * Deletes tasks that ended long ago, and the oldest beyond `maxRows`. It walks the tasks in the
 * order of creation, some in each run: an index by their end would add a write to every completion.
 * A task that another one refers to stays until that is deleted.
 */
export async function deleteExpiredTasks(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  const cursorName = `tasks of ${project}`
  const after = Number(progress.cursors.get(cursorName) ?? 0)
  const { rows, excessRows, before } = await store.read(async (reader) => {
    const [count] = rule.maxRows > 0 ? await reader.run(countEnded, { project }) : []
    return {
      rows: await reader.run(findTaskPage, { project, after, limit: rowsPerRead }),
      excessRows: count ? count.tasks - rule.maxRows : 0,
      before: retentionCutoff(reader.now, rule),
    }
  })
  const { chosen, next } = chooseExpired(rows, { excessRows, before, endedAtOf: ({ completedAt }) => completedAt })
  progress.cursors.set(cursorName, next)
  return chosen.length === 0 ? 0 : store.transact({ project, freesSpace: true }, (tx) => deleteTasksIn(tx, chosen))
}
