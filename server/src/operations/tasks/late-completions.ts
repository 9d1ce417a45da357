import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, desc, eq, notInArray, sql } from 'drizzle-orm'
import type { Context } from '../../domain/context.ts'
import { type LeaseParams, taskNotFoundError } from '../../domain/tasks/lease.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

/** The number of orphan results that a task keeps. */
const orphanLimit = 10

/** Locks the task, so that both of two concurrent late results are counted. */
export const findTaskForUpdate = statement(
  ({ db, t, p, locked }: StatementParts<{ project: string; taskId: string }>) =>
    locked(
      db
        .select()
        .from(t.tasks)
        .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project))),
    ).prepare(),
)

interface OrphanParams {
  taskId: string
  attempt: number
  agentId: string
  result: string | null
  now: number
}

const insertOrphan = statement(({ db, t, p }: StatementParts<OrphanParams>) =>
  db
    .insert(t.orphanResults)
    .values({ taskId: p.taskId, attempt: p.attempt, agentId: p.agentId, result: p.result, at: p.now })
    .onConflictDoNothing()
    .returning({ attempt: t.orphanResults.attempt })
    .prepare(),
)

const deleteOldestOrphans = statement(({ db, t, p }: StatementParts<{ taskId: string }>) => {
  const { taskId, attempt, at } = t.orphanResults
  const newest = db
    .select({ attempt })
    .from(t.orphanResults)
    .where(eq(taskId, p.taskId))
    .orderBy(desc(at), desc(attempt))
    .limit(orphanLimit)
  return db
    .delete(t.orphanResults)
    .where(and(eq(taskId, p.taskId), notInArray(attempt, newest)))
    .returning({ attempt })
    .prepare()
})

const updateOrphanCount = statement(({ db, t, p }: StatementParts<{ taskId: string }>) => {
  const counted = db.select({ n: sql`count(*)` }).from(t.orphanResults).where(eq(t.orphanResults.taskId, p.taskId))
  return db
    .update(t.tasks)
    .set({ orphans: sql`(${counted})`, revision: sql`${t.tasks.revision} + 1` })
    .where(eq(t.tasks.id, p.taskId))
    .returning({ id: t.tasks.id })
    .prepare()
})

async function saveOrphan(tx: Transaction, row: TaskRow, orphan: Omit<OrphanParams, 'taskId' | 'now'>): Promise<void> {
  const taskId = row.id
  const [inserted] = await tx.run(insertOrphan, { ...orphan, taskId, now: tx.now })
  if (!inserted) return
  await tx.run(deleteOldestOrphans, { taskId })
  await tx.run(updateOrphanCount, { taskId })
  const { attempt, agentId } = orphan
  const data = { attempt, agentId }
  tx.append({ type: 'task.orphaned', subject: taskId, actor: agentId, taskId, epic: row.epic, data })
}

/**
 * The outcome of a completion. The caller throws a refusal after the commit: inside the transaction
 * it would roll the late result back.
 */
export type Completion =
  | { readonly row: Pick<TaskRow, 'id' | 'status' | 'revision'> }
  | { readonly refused: CoordinationError }

const isDone = ({ status }: TaskRow): boolean => status === 'completed' || status === 'in_review'

/**
 * Settles a completion that changed no row. A repeated call after a lost reply finds the task done.
 * Otherwise the lease is over, and the result is stored if the token was issued to this agent for
 * this task; without that check anyone could leave results on it.
 */
export async function settleLateCompletion(
  tx: Transaction,
  { leaseTokens }: Pick<Context, 'leaseTokens'>,
  { project, taskId, leaseToken, agentId, result }: LeaseParams & { readonly result: string | null },
): Promise<Completion> {
  const [row] = await tx.run(findTaskForUpdate, { project, taskId })
  if (!row) throw taskNotFoundError(taskId)
  const isRepeated = isDone(row) && row.leaseToken === leaseToken && row.agentId === agentId
  if (isRepeated) {
    // Another result under the same lease, for example of a sub-agent, is kept and changes nothing.
    if (result !== null && result !== row.result) await saveOrphan(tx, row, { attempt: row.attempt, agentId, result })
    return { row }
  }
  const attempt = leaseTokens.attemptOf(leaseToken, { taskId, agentId })
  const orphaned = attempt !== undefined && attempt <= row.attempt
  if (orphaned) await saveOrphan(tx, row, { attempt, agentId, result })
  const effect = orphaned ? 'its result is kept, and counts if tasks.adopt takes it' : 'its result does not count'
  const details = { status: row.status, attempt: row.attempt, orphaned }
  return { refused: new CoordinationError('STALE_LEASE', `this lease of task ${taskId} has ended: ${effect}`, details) }
}
