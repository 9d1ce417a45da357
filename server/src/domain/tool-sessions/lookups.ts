import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement } from '../../store/store.ts'

/**
 * Finds the agent that registered with this instance id and this key, and its session unless that
 * was revoked.
 */
export const findJoinedAgent = statement(
  ({ db, t, p }: StatementParts<{ project: string; instanceHash: string; credentialId: string | null }>) =>
    db
      .select({
        id: t.agents.id,
        name: t.agents.name,
        type: t.agents.type,
        role: t.agents.role,
        capabilities: t.agents.capabilities,
        incarnation: t.agents.incarnation,
        sessionId: t.sessions.id,
      })
      .from(t.agents)
      .leftJoin(
        t.sessions,
        and(
          eq(t.sessions.agentId, t.agents.id),
          eq(t.sessions.incarnation, t.agents.incarnation),
          isNull(t.sessions.revokedAt),
        ),
      )
      .where(
        and(
          eq(t.agents.projectId, p.project),
          eq(t.agents.instanceHash, p.instanceHash),
          sql`coalesce(${t.agents.credentialId}, '') = coalesce(${p.credentialId}, '')`,
        ),
      )
      // A tool session may have had several agents; the current one is the agent with a session.
      .orderBy(desc(sql`case when ${t.sessions.id} is null then 0 else 1 end`), desc(t.agents.lastActivity))
      .limit(1)
      .prepare(),
)

/** Finds the newest lease token of an agent for a task. The lease may be over. */
export const findLeaseToken = statement(
  ({ db, t, p }: StatementParts<{ project: string; taskId: string; agentId: string }>) =>
    db
      .select({ leaseToken: t.tasks.leaseToken })
      .from(t.tasks)
      .where(and(eq(t.tasks.id, p.taskId), eq(t.tasks.projectId, p.project), eq(t.tasks.agentId, p.agentId)))
      .prepare(),
)

/** Finds the receipts of messages that were shown to an agent and not acked. */
export const findShownReceipts = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ messageId: t.messages.id, receipt: t.messages.receipt })
    .from(t.messages)
    .where(
      and(
        eq(t.messages.toAgent, p.agentId),
        equalsLiteral(t.messages.status, 'delivered'),
        isNotNull(t.messages.shownAt),
      ),
    )
    .limit(200)
    .prepare(),
)

/** Finds the receipt of a message that was delivered to an agent and not acked. */
export const findReceipt = statement(({ db, t, p }: StatementParts<{ agentId: string; messageId: string }>) =>
  db
    .select({ receipt: t.messages.receipt })
    .from(t.messages)
    .where(
      and(
        eq(t.messages.id, p.messageId),
        eq(t.messages.toAgent, p.agentId),
        equalsLiteral(t.messages.status, 'delivered'),
      ),
    )
    .prepare(),
)
