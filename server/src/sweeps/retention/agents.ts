import { and, eq, gt, inArray, lte, notExists } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import { deleteOldestSamples } from './health.ts'
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

type OwnedRowParts = StatementParts<{ agentId: string; limit: number }>

/** Find rows that belong to the agent alone, by their ids. It may have any number of them. */
const ownedRowSearches = {
  wakes: statement(({ db, t, p }: OwnedRowParts) =>
    db
      .select({ id: t.wakes.id })
      .from(t.wakes)
      .where(eq(t.wakes.agentId, p.agentId))
      .limit(placeholder('limit'))
      .prepare(),
  ),
  sessions: statement(({ db, t, p }: OwnedRowParts) =>
    db
      .select({ id: t.sessions.id })
      .from(t.sessions)
      .where(eq(t.sessions.agentId, p.agentId))
      .limit(placeholder('limit'))
      .prepare(),
  ),
  requests: statement(({ db, t, p }: OwnedRowParts) =>
    db
      .select({ id: t.requests.id })
      .from(t.requests)
      .where(eq(t.requests.toAgent, p.agentId))
      .limit(placeholder('limit'))
      .prepare(),
  ),
}

/** Deletes some of an agent's rows in one table and returns their number. */
async function deleteOwnedRowsIn(
  tx: Transaction,
  name: keyof typeof ownedRowSearches,
  search: { readonly agentId: string; readonly limit: number },
): Promise<number> {
  const ids = (await tx.run(ownedRowSearches[name], search)).map(({ id }) => id)
  const table = tx.t[name]
  if (ids.length > 0) await tx.db.delete(table).where(inArray(table.id, ids))
  return ids.length
}

/** Delete the other rows that belong to the agent alone. Their number is small. */
const smallDeletions = [
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

/** Deletes some of an agent's messages and returns their number. */
async function deleteMessagesIn(tx: Transaction, search: { agentId: string; limit: number }): Promise<number> {
  const messages = await tx.run(findOldestMessages, search)
  await deleteMessages(tx, messages)
  return messages.length
}

/**
 * Deletes some of an agent's rows, `limit` at most, and the agent once none is left. Returns the
 * number of deleted rows.
 */
async function deleteAgentIn(tx: Transaction, agentId: string, before: number, limit: number): Promise<number> {
  if ((await tx.run(lockUnregisteredAgent, { agentId, before })).length === 0) return 0
  let deleted = await deleteMessagesIn(tx, { agentId, limit })
  if (deleted === limit || (await tx.run(findTaskOfAgent, { agentId })).length > 0) return deleted
  for (const name of ['wakes', 'sessions', 'requests'] as const) {
    deleted += await deleteOwnedRowsIn(tx, name, { agentId, limit: limit - deleted })
    if (deleted === limit) return deleted
  }
  deleted += await deleteOldestSamples(tx, { agentId, limit: limit - deleted })
  // Samples of the same time are deleted together.
  if (deleted >= limit) return deleted
  for (const deletion of smallDeletions) await tx.run(deletion, { agentId })
  await tx.run(deleteInbox, { agentId })
  return deleted + (await tx.run(deleteAgent, { agentId })).length
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
    for (const { id } of chosen)
      if (deleted < deleteLimit) deleted += await deleteAgentIn(tx, id, before, deleteLimit - deleted)
    return deleted
  })
}
