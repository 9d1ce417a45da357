import { and, eq, isNull, lte, sql } from 'drizzle-orm'
import { notifyClaimable } from '../domain/tasks/lease.ts'
import { rankFromPrioritySql } from '../domain/tasks/queue-columns.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findDueTasks = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ ord: t.tasks.ord })
        .from(t.tasks)
        .where(
          and(
            equalsLiteral(t.tasks.status, 'pending'),
            isNull(t.tasks.ready),
            isNull(t.tasks.parkedOn),
            isNull(t.tasks.hold),
            lte(t.tasks.notBefore, p.now),
            eq(t.tasks.projectId, p.project),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

const markTaskReady = statement(({ db, t, p }: StatementParts<{ ord: number; now: number }>) =>
  db
    .update(t.tasks)
    .set({ ready: sql`${t.tasks.routeId}`, readyAt: p.now, notBefore: null, rank: rankFromPrioritySql(t) })
    .where(
      and(
        eq(t.tasks.ord, p.ord),
        equalsLiteral(t.tasks.status, 'pending'),
        isNull(t.tasks.parkedOn),
        isNull(t.tasks.hold),
      ),
    )
    .returning()
    .prepare(),
)

const findDueMessages = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; now: number; limit: number }>) =>
    skipLocked(
      db
        .select({ ord: t.messages.ord })
        .from(t.messages)
        .where(
          and(
            equalsLiteral(t.messages.status, 'pending'),
            isNull(t.messages.ready),
            lte(t.messages.notBefore, p.now),
            eq(t.messages.projectId, p.project),
          ),
        )
        .limit(placeholder('limit')),
    ).prepare(),
)

const markMessageReady = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db
    .update(t.messages)
    .set({ ready: 1, notBefore: null })
    .where(and(eq(t.messages.ord, p.ord), equalsLiteral(t.messages.status, 'pending')))
    .returning({ toAgent: t.messages.toAgent })
    .prepare(),
)

async function hasDueRows(reader: Reader, project: string): Promise<boolean> {
  const due = { project, now: reader.now, limit: 1 }
  return (await reader.run(findDueTasks, due)).length + (await reader.run(findDueMessages, due)).length > 0
}

async function markReadyIn(tx: Transaction, project: string): Promise<number> {
  const due = { project, now: tx.now, limit: sweepLimit }
  const tasks = await tx.run(findDueTasks, due)
  for (const { ord } of tasks)
    for (const row of await tx.run(markTaskReady, { ord, now: tx.now })) notifyClaimable(tx, row)
  const messages = await tx.run(findDueMessages, due)
  for (const { ord } of messages) {
    for (const { toAgent } of await tx.run(markMessageReady, { ord }))
      tx.notify({ topic: 'inbox', agentId: toAgent, reason: 'message' })
  }
  return Math.max(tasks.length, messages.length)
}

/**
 * Makes tasks and messages ready whose time has come. Until then they are outside the index that
 * claims and deliveries read, so that they cost nothing in any number.
 */
export const markDueReady: Sweep = {
  name: 'mark-due-ready',
  everyMs: 250,
  batch: async ({ store }, project) =>
    (await store.read((reader) => hasDueRows(reader, project)))
      ? store.transact({ project }, (tx) => markReadyIn(tx, project))
      : 0,
}
