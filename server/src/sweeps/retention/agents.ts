import { and, eq, gt, inArray, lte, notExists } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import { deleteMessages } from './messages.ts'
import { deleteLimit, retentionCutoff, rowsPerRead } from './progress.ts'

const findAgentPage = statement(({ db, t, p }: StatementParts<{ project: string; after: string; limit: number }>) =>
  db
    .select({ id: t.agents.id, name: t.agents.name, status: t.agents.status, lastActivity: t.agents.lastActivity })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), gt(t.agents.name, p.after)))
    .orderBy(t.agents.name)
    .limit(placeholder('limit'))
    .prepare(),
)

const lockUnregisteredAgent = statement(({ db, t, p, locked }: StatementParts<{ agentId: string; before: number }>) =>
  locked(
    db
      .select({ id: t.agents.id })
      .from(t.agents)
      .where(
        and(
          eq(t.agents.id, p.agentId),
          equalsLiteral(t.agents.status, 'unregistered'),
          lte(t.agents.lastActivity, p.before),
        ),
      ),
  ).prepare(),
)

const findOldestMessages = statement(({ db, t, p }: StatementParts<{ agentId: string; limit: number }>) =>
  db
    .select({ ord: t.messages.ord })
    .from(t.messages)
    .where(eq(t.messages.toAgent, p.agentId))
    .orderBy(t.messages.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const findWakes = statement(({ db, t, p }: StatementParts<{ agentId: string; limit: number }>) =>
  db
    .select({ id: t.wakes.id })
    .from(t.wakes)
    .where(eq(t.wakes.agentId, p.agentId))
    .limit(placeholder('limit'))
    .prepare(),
)

/** Deletes some of an agent's wakes and returns their number. */
async function deleteWakesIn(tx: Transaction, agentId: string): Promise<number> {
  const ids = (await tx.run(findWakes, { agentId, limit: deleteLimit })).map(({ id }) => id)
  if (ids.length > 0) await tx.db.delete(tx.t.wakes).where(inArray(tx.t.wakes.id, ids))
  return ids.length
}

/** Delete the rows that belong to the agent alone. */
const ownedRowDeletions = [
  statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
    db
      .delete(t.subscriptions)
      .where(eq(t.subscriptions.agentId, p.agentId))
      .returning({ id: t.subscriptions.agentId })
      .prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
    db
      .delete(t.idleSessions)
      .where(eq(t.idleSessions.agentId, p.agentId))
      .returning({ id: t.idleSessions.agentId })
      .prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
    db.delete(t.sessions).where(eq(t.sessions.agentId, p.agentId)).returning({ id: t.sessions.id }).prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
    db.delete(t.requests).where(eq(t.requests.toAgent, p.agentId)).returning({ id: t.requests.id }).prepare(),
  ),
  statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
    db
      .delete(t.healthMetrics)
      .where(eq(t.healthMetrics.agentId, p.agentId))
      .returning({ id: t.healthMetrics.agentId })
      .prepare(),
  ),
]

/** Agents per transaction: each may have messages and samples. */
const agentLimit = 20

/** The row of an agent stays as long as a task names it. */
const findTaskOfAgent = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db.select({ id: t.tasks.id }).from(t.tasks).where(eq(t.tasks.agentId, p.agentId)).limit(1).prepare(),
)

const deleteInbox = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db.delete(t.mailboxes).where(eq(t.mailboxes.agentId, p.agentId)).returning({ id: t.mailboxes.agentId }).prepare(),
)

const deleteAgent = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .delete(t.agents)
    .where(
      and(
        eq(t.agents.id, p.agentId),
        notExists(db.select({ id: t.mailboxes.agentId }).from(t.mailboxes).where(eq(t.mailboxes.agentId, p.agentId))),
      ),
    )
    .returning({ id: t.agents.id })
    .prepare(),
)

/**
 * Deletes some of an agent's messages and wakes and, once none is left, its other rows. Returns the
 * number of deleted messages and agents, and of wakes if some are left.
 */
async function deleteAgentIn(tx: Transaction, agentId: string, before: number): Promise<number> {
  if ((await tx.run(lockUnregisteredAgent, { agentId, before })).length === 0) return 0
  const messages = await tx.run(findOldestMessages, { agentId, limit: deleteLimit })
  await deleteMessages(tx, messages)
  if (messages.length === deleteLimit || (await tx.run(findTaskOfAgent, { agentId })).length > 0) return messages.length
  const wakeCount = await deleteWakesIn(tx, agentId)
  if (wakeCount === deleteLimit) return messages.length + wakeCount
  for (const deletion of ownedRowDeletions) await tx.run(deletion, { agentId })
  await tx.run(deleteInbox, { agentId })
  return messages.length + (await tx.run(deleteAgent, { agentId })).length
}

/** Deletes agents that were unregistered long ago, and their inboxes: some in each run, by name. */
export async function deleteExpiredAgents(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  if (rule.ms === 0) return 0
  const cursorName = `agents of ${project}`
  const after = String(progress.cursors.get(cursorName) ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(findAgentPage, { project, after, limit: rowsPerRead }),
    before: retentionCutoff(reader.now, rule),
  }))
  const expired = rows.filter(({ status, lastActivity }) => status === 'unregistered' && lastActivity <= before)
  const chosen = expired.slice(0, agentLimit)
  const reachedEnd = expired.length === chosen.length && rows.length < rowsPerRead
  const next = expired.length > chosen.length ? chosen.at(-1) : rows.at(-1)
  progress.cursors.set(cursorName, reachedEnd ? '' : (next?.name ?? ''))
  if (chosen.length === 0) return 0
  return store.transact({ project, freesSpace: true }, async (tx) => {
    let deleted = 0
    for (const { id } of chosen) if (deleted < deleteLimit) deleted += await deleteAgentIn(tx, id, before)
    return deleted
  })
}
