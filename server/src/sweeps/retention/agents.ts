import { and, eq, gt, lte, notExists } from 'drizzle-orm'
import { isWord } from '../../store/sql-literals.ts'
import { placeholder, type Query, type Store, statement, type Transaction } from '../../store/store.ts'
import { removeMessages } from './messages.ts'
import { cutoff, type Kept, pageLimit, type Retained, removeLimit } from './progress.ts'

const page = statement(({ db, t, p }: Query<{ project: string; after: string; limit: number }>) =>
  db
    .select({ id: t.agents.id, name: t.agents.name, status: t.agents.status, lastActivity: t.agents.lastActivity })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), gt(t.agents.name, p.after)))
    .orderBy(t.agents.name)
    .limit(placeholder('limit'))
    .prepare(),
)

const stillGone = statement(({ db, t, p, locked }: Query<{ agentId: string; before: number }>) =>
  locked(
    db
      .select({ id: t.agents.id })
      .from(t.agents)
      .where(
        and(eq(t.agents.id, p.agentId), isWord(t.agents.status, 'unregistered'), lte(t.agents.lastActivity, p.before)),
      ),
  ).prepare(),
)

const mail = statement(({ db, t, p }: Query<{ agentId: string; limit: number }>) =>
  db
    .select({ ord: t.messages.ord })
    .from(t.messages)
    .where(eq(t.messages.toAgent, p.agentId))
    .orderBy(t.messages.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

/** What only the agent itself had. */
const belongings = [
  statement(({ db, t, p }: Query<{ agentId: string }>) =>
    db
      .delete(t.subscriptions)
      .where(eq(t.subscriptions.agentId, p.agentId))
      .returning({ id: t.subscriptions.agentId })
      .prepare(),
  ),
  statement(({ db, t, p }: Query<{ agentId: string }>) =>
    db.delete(t.sessions).where(eq(t.sessions.agentId, p.agentId)).returning({ id: t.sessions.id }).prepare(),
  ),
  statement(({ db, t, p }: Query<{ agentId: string }>) =>
    db.delete(t.requests).where(eq(t.requests.toAgent, p.agentId)).returning({ id: t.requests.id }).prepare(),
  ),
  statement(({ db, t, p }: Query<{ agentId: string }>) =>
    db
      .delete(t.healthMetrics)
      .where(eq(t.healthMetrics.agentId, p.agentId))
      .returning({ id: t.healthMetrics.agentId })
      .prepare(),
  ),
]

/** In one transaction: each may have mail and samples. */
const agentLimit = 20

/** Nobody's tasks are left behind: the row stays as long as one names it. */
const isNamed = statement(({ db, t, p }: Query<{ agentId: string }>) =>
  db.select({ id: t.tasks.id }).from(t.tasks).where(eq(t.tasks.agentId, p.agentId)).limit(1).prepare(),
)

const removeMailbox = statement(({ db, t, p }: Query<{ agentId: string }>) =>
  db.delete(t.mailboxes).where(eq(t.mailboxes.agentId, p.agentId)).returning({ id: t.mailboxes.agentId }).prepare(),
)

const removeAgent = statement(({ db, t, p }: Query<{ agentId: string }>) =>
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

/** Removes some of an agent's mail, and when none is left the rest of it; how many messages and agents went. */
async function removeIn(tx: Transaction, agentId: string, before: number): Promise<number> {
  if ((await tx.run(stillGone, { agentId, before })).length === 0) return 0
  const letters = await tx.run(mail, { agentId, limit: removeLimit })
  await removeMessages(tx, letters)
  if (letters.length === removeLimit || (await tx.run(isNamed, { agentId })).length > 0) return letters.length
  for (const removal of belongings) await tx.run(removal, { agentId })
  await tx.run(removeMailbox, { agentId })
  return letters.length + (await tx.run(removeAgent, { agentId })).length
}

/** Removes agents that were unregistered long ago, with their mailboxes: some at each turn, by name. */
export async function removeAgents(store: Store, project: string, kept: Kept, retained: Retained): Promise<number> {
  if (kept.ms === 0) return 0
  const walk = `agents of ${project}`
  const after = String(retained.positions.get(walk) ?? '')
  const { rows, before } = await store.read(async (reader) => ({
    rows: await reader.run(page, { project, after, limit: pageLimit }),
    before: cutoff(reader.now, kept),
  }))
  const gone = rows.filter(({ status, lastActivity }) => status === 'unregistered' && lastActivity <= before)
  const chosen = gone.slice(0, agentLimit)
  const round = gone.length === chosen.length && rows.length < pageLimit
  const next = gone.length > chosen.length ? chosen.at(-1) : rows.at(-1)
  retained.positions.set(walk, round ? '' : (next?.name ?? ''))
  if (chosen.length === 0) return 0
  return store.transact({ project, frees: true }, async (tx) => {
    let removed = 0
    for (const { id } of chosen) if (removed < removeLimit) removed += await removeIn(tx, id, before)
    return removed
  })
}
