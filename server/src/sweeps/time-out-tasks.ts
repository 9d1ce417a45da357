import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import { failDependents } from '../domain/tasks/dependents.ts'
import { appendEndOfAttempt, failureColumns, finalFailureColumns } from '../domain/tasks/failure.ts'
import { settleEndedLease } from '../domain/tasks/lease.ts'
import type { TaskRow } from '../domain/tasks/task-row.ts'
import { answerByDefault } from '../operations/tasks/provide-input.ts'
import { equalsLiteral, inLiterals } from '../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findOverdueTasks = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select()
        .from(t.tasks)
        .where(and(eq(t.tasks.projectId, p.project), lte(t.tasks.timeoutAt, p.now)))
        .limit(placeholder('limit')),
    ).prepare(),
)

const isOverdueSql = ({ t, p }: Pick<StatementParts<{ ord: number; now: number }>, 't' | 'p'>, status: SQL) =>
  and(eq(t.tasks.ord, p.ord), status, lte(t.tasks.timeoutAt, p.now))

const failTask = statement(({ db, t, p }: StatementParts<{ ord: number; error: string; now: number }>) =>
  db
    .update(t.tasks)
    .set({ ...finalFailureColumns(t, p), inputRequest: null })
    .where(isOverdueSql({ t, p }, inLiterals(t.tasks.status, taskTransitions.timeOut.from)))
    .returning()
    .prepare(),
)

const endAttempt = statement(
  ({ db, t, p }: StatementParts<{ ord: number; error: string; jitter: number; now: number }>) =>
    db
      .update(t.tasks)
      .set(failureColumns(t, { error: p.error, jitter: p.jitter, now: p.now, retryable: sql`1`, delayMs: sql`null` }))
      .where(isOverdueSql({ t, p }, equalsLiteral(t.tasks.status, 'in_progress')))
      .returning()
      .prepare(),
)

/** True if a deadline has passed. This read comes first, so that an idle server commits nothing. */
const hasOverdueTasks = async (reader: Reader, project: string): Promise<boolean> =>
  (await reader.run(findOverdueTasks, { project, now: reader.now, limit: 1 })).length > 0

async function recordTimeOut(tx: Transaction, row: TaskRow | undefined): Promise<TaskRow | undefined> {
  if (!row) return undefined
  appendEndOfAttempt(tx, row, 'task.timed_out')
  await settleEndedLease(tx, row)
  return row
}

/** Times out one task. The outcome depends on the deadline that has passed. */
async function timeOutTask(
  tx: Transaction,
  { task, jitter }: { task: TaskRow; jitter: number },
): Promise<TaskRow | undefined> {
  const { ord, status, closeBy } = task
  const { settledAt: now } = tx
  const end = async (error: string) => recordTimeOut(tx, (await tx.run(failTask, { ord, error, now }))[0])
  if (closeBy !== null && closeBy <= now) return end('it was not completed within scheduleToCloseMs')
  if (status === 'input_required') return (await answerByDefault(tx, task)) ?? end('no answer before its deadline')
  if (status !== 'in_progress') return end('no agent claimed it within scheduleToStartMs')
  const error = 'the attempt took longer than startToCloseMs'
  return recordTimeOut(tx, (await tx.run(endAttempt, { ord, error, jitter, now }))[0])
}

async function timeOutTasksIn(tx: Transaction, project: string, random: () => number): Promise<number> {
  const rows = await tx.run(findOverdueTasks, { project, now: tx.settledAt, limit: sweepLimit })
  const timedOut: TaskRow[] = []
  for (const overdueTask of rows) {
    const row = await timeOutTask(tx, { task: overdueTask, jitter: random() })
    if (row) timedOut.push(row)
  }
  const failed = timedOut.filter(({ status }) => status === 'failed')
  await failDependents(tx, failed, null)
  return timedOut.length
}

/**
 * Ends tasks whose deadline has passed: finally, as a failed attempt, or with the default answer.
 */
export const timeOutTasks: Sweep = {
  name: 'time-out-tasks',
  everyMs: 1_000,
  batch: async ({ store, clock }, project) =>
    (await store.read((reader) => hasOverdueTasks(reader, project)))
      ? store.transact({ project }, (tx) => timeOutTasksIn(tx, project, () => clock.random()))
      : 0,
}
