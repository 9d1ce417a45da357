import { and, eq } from 'drizzle-orm'
import { type Query, statement, type Transaction } from '../store/store.ts'

const removeLocks = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .delete(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .returning({ lock: t.locks.lock })
    .prepare(),
)

const noteNone = statement(({ db, t, p }: Query<{ taskId: string }>) =>
  db.update(t.tasks).set({ heldLocks: 0 }).where(eq(t.tasks.id, p.taskId)).returning({ id: t.tasks.id }).prepare(),
)

/** Gives up every lock of a task whose lease ends. */
export async function releaseLocks(
  tx: Transaction,
  row: { readonly id: string; readonly projectId: string },
): Promise<void> {
  await tx.run(removeLocks, { project: row.projectId, taskId: row.id })
  await tx.run(noteNone, { taskId: row.id })
}
