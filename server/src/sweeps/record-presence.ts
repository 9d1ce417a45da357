import { and, eq, lt, lte, ne } from 'drizzle-orm'
import { equalsLiteral } from '../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../store/store.ts'
import type { Sweep } from './runner.ts'

const saveLastActivity = statement(({ db, t, p }: StatementParts<{ agentId: string; at: number }>) =>
  db
    .update(t.agents)
    .set({ lastActivity: p.at })
    .where(and(eq(t.agents.id, p.agentId), lt(t.agents.lastActivity, p.at)))
    .returning({ id: t.agents.id })
    .prepare(),
)

const markOnline = statement(({ db, t, p }: StatementParts<{ project: string; since: number }>) =>
  db
    .update(t.agents)
    .set({ status: 'active' })
    .where(
      and(
        eq(t.agents.projectId, p.project),
        equalsLiteral(t.agents.status, 'offline'),
        lt(p.since, t.agents.lastActivity),
      ),
    )
    .returning({ id: t.agents.id, name: t.agents.name })
    .prepare(),
)

const markOffline = statement(({ db, t, p }: StatementParts<{ project: string; since: number }>) =>
  db
    .update(t.agents)
    .set({ status: 'offline' })
    .where(
      and(
        eq(t.agents.projectId, p.project),
        equalsLiteral(t.agents.status, 'active'),
        lte(t.agents.lastActivity, p.since),
      ),
    )
    .returning({ id: t.agents.id, name: t.agents.name })
    .prepare(),
)

async function recordPresenceIn(
  tx: Transaction,
  project: string,
  seen: ReadonlyMap<string, number>,
  timeoutMs: number,
): Promise<void> {
  for (const [agentId, at] of seen) await tx.run(saveLastActivity, { agentId, at })
  const since = tx.now - timeoutMs
  for (const { id, name } of await tx.run(markOffline, { project, since })) {
    tx.append({ type: 'agent.offline', subject: id, actor: null, data: { name } })
  }
  for (const { id, name } of await tx.run(markOnline, { project, since })) {
    tx.append({ type: 'agent.online', subject: id, actor: null, data: { name } })
  }
}

/**
 * Writes the last activity of agents, and appends events for agents that went offline or came back.
 */
export const recordPresence: Sweep = {
  name: 'record-presence',
  everyMs: 5_000,
  batch: async ({ store, presence, config }, project) => {
    const seen = presence.unwritten(project)
    const [anyAgent] = await store.read(({ db, t }) =>
      db
        .select({ id: t.agents.id })
        .from(t.agents)
        .where(and(eq(t.agents.projectId, project), ne(t.agents.status, 'unregistered')))
        .limit(1),
    )
    if (anyAgent) await store.transact({ project }, (tx) => recordPresenceIn(tx, project, seen, config.agentTimeoutMs))
    // Only after the commit: before it no other process could read these agents' last activity.
    presence.markWritten(project, seen)
    return 0
  },
}
