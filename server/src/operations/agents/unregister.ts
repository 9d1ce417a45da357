import type { agentUnregisterInput, agentUnregisterOutput } from '@tony/mcp-shared/agents'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, gt, lte, notExists, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { revokeAgentSessions } from '../../domain/identity/session.ts'
import { actorOf, isAllowed, requireAgent } from '../../domain/principal.ts'
import { releaseLeasesOfEarlierIncarnations } from '../../domain/tasks/release-lease.ts'
import { deleteIdleSession } from '../../domain/wakes/end-wakes.ts'
import { refersTo } from '../../store/references.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { requireAgentRow } from './serialize.ts'

/** Retention of the inbox counts from now, not from the last activity, which may be long ago. */
const unregisteredColumns = (incarnation: unknown, now: unknown) => ({
  status: 'unregistered',
  incarnation: sql<number>`${incarnation} + 1`,
  lastActivity: sql<number>`${now}`,
})

const markUnregistered = statement(({ db, t, p }: StatementParts<{ agentId: string; now: number }>) =>
  db
    .update(t.agents)
    .set(unregisteredColumns(t.agents.incarnation, p.now))
    .where(eq(t.agents.id, p.agentId))
    .returning({ id: t.agents.id, name: t.agents.name, incarnation: t.agents.incarnation })
    .prepare(),
)

interface InactivityParams {
  before: number
}

/**
 * Matches an agent without activity since `before` and without unsettled messages. An agent with
 * such messages stays registered for any length of silence.
 */
const isInactiveSql = ({ db, t, p }: Pick<StatementParts<InactivityParams>, 'db' | 't' | 'p'>) =>
  and(
    equalsLiteral(t.agents.status, 'offline'),
    lte(t.agents.lastActivity, p.before),
    notExists(
      db
        .select({ id: t.mailboxes.agentId })
        .from(t.mailboxes)
        .where(
          and(refersTo(t.mailboxes.agentId, t.agents.id), or(gt(t.mailboxes.pending, 0), gt(t.mailboxes.delivered, 0))),
        ),
    ),
  )

const findInactiveRows = statement(
  ({ db, t, p }: StatementParts<InactivityParams & { project: string; limit: number }>) =>
    db
      .select({ id: t.agents.id })
      .from(t.agents)
      .where(and(eq(t.agents.projectId, p.project), isInactiveSql({ db, t, p })))
      .limit(placeholder('limit'))
      .prepare(),
)

const unregisterIfInactive = statement(
  ({ db, t, p }: StatementParts<InactivityParams & { agentId: string; now: number }>) =>
    db
      .update(t.agents)
      .set(unregisteredColumns(t.agents.incarnation, p.now))
      .where(and(eq(t.agents.id, p.agentId), isInactiveSql({ db, t, p })))
      .returning({ id: t.agents.id, name: t.agents.name, incarnation: t.agents.incarnation })
      .prepare(),
)

interface UnregisteredAgent {
  readonly id: string
  readonly name: string
  readonly incarnation: number
}

/**
 * Revokes the sessions and releases the leases of an agent that has left. Returns the number of
 * leases.
 */
async function endAgent(
  tx: Transaction,
  { id, name, incarnation }: UnregisteredAgent,
  actor: string | null,
): Promise<number> {
  const releasedLeases = await releaseLeasesOfEarlierIncarnations(
    tx,
    { id, incarnation },
    { actor, reason: 'unregistered' },
  )
  await revokeAgentSessions(tx, id)
  await deleteIdleSession(tx, id)
  tx.append({ type: 'agent.unregistered', subject: id, actor, data: { name } })
  tx.notify({ topic: 'incarnation', agentId: id, incarnation, unregistered: true })
  return releasedLeases
}

/** `agents.unregister`: revokes the sessions and releases the leases. The inbox stays. */
export function unregisterAgent(
  ctx: Context,
  input: z.output<typeof agentUnregisterInput>,
): Promise<z.output<typeof agentUnregisterOutput>> {
  const wanted = input.agent ?? requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const row = await requireAgentRow(tx, ctx.principal.project, wanted)
    if (row.id !== ctx.principal.agent?.id && !isAllowed(ctx.principal, 'agents:remove')) {
      throw new CoordinationError('FORBIDDEN', 'unregistering another agent needs the role tech-lead')
    }
    const [left] = await tx.run(markUnregistered, { agentId: row.id, now: tx.now })
    return { agentId: row.id, releasedLeases: left ? await endAgent(tx, left, actorOf(ctx.principal)) : 0 }
  })
}

/** Returns up to `limit` agents without activity since `before` and without unsettled messages. */
export const findInactiveAgents = (
  reader: Reader,
  { project, ...silence }: InactivityParams & { project: string; limit: number },
): Promise<readonly { id: string }[]> => reader.run(findInactiveRows, { project, ...silence })

/** Unregisters an inactive agent, unless it has become active or has messages by now. */
export async function unregisterInactiveAgent(tx: Transaction, agentId: string, before: number): Promise<void> {
  const [left] = await tx.run(unregisterIfInactive, { agentId, before, now: tx.now })
  if (left) await endAgent(tx, left, null)
}
