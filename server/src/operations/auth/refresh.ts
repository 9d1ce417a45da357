import {
  type authRefreshInput,
  type authRefreshOutput,
  type SessionRevocationReason,
  sessionLife,
} from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { agentRole } from '@tony/mcp-shared/roles'
import { and, eq, gt, isNull, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { invalidTokenError } from '../../domain/identity/key-use.ts'
import { nextRefreshToken, sessionIdOfToken } from '../../domain/identity/refresh-token.ts'
import { findSession } from '../../domain/identity/session.ts'
import { iso } from '../../platform/times.ts'
import { refreshRetryWindowMs } from '../../store/commit/extend-deadlines.ts'
import { type StatementParts, statement, type Transaction, type TransactionParams } from '../../store/store.ts'

type Input = z.output<typeof authRefreshInput>

interface ExchangeParams {
  sessionId: string
  presented: string
  successor: string
  nonce: string
  now: number
  idleSince: number
  begunSince: number
}

const exchangeToken = statement(({ db, t: { sessions: s }, p }: StatementParts<ExchangeParams>) =>
  db
    .update(s)
    .set({ refreshHash: p.successor, parentHash: p.presented, nonceHash: p.nonce, refreshedAt: p.now })
    .where(
      and(
        eq(s.id, p.sessionId),
        eq(s.refreshHash, p.presented),
        isNull(s.revokedAt),
        gt(s.refreshedAt, p.idleSince),
        gt(s.createdAt, p.begunSince),
      ),
    )
    .returning({ id: s.id })
    .prepare(),
)

interface RetryParams {
  sessionId: string
  presented: string
  nonce: string
  since: number
}

/** Matches a repeat with the same token and nonce whose successor token is still unused. */
const findRetry = statement(({ db, t: { sessions: s }, p }: StatementParts<RetryParams>) =>
  db
    .select({ id: s.id })
    .from(s)
    .where(
      and(
        eq(s.id, p.sessionId),
        eq(s.parentHash, p.presented),
        eq(s.nonceHash, p.nonce),
        isNull(s.revokedAt),
        gt(s.refreshedAt, p.since),
      ),
    )
    .prepare(),
)

/**
 * Revokes the session of a token that was used before: one of its two holders stole it, and the
 * server cannot tell which.
 */
const revokeReusedSession = statement(
  ({ db, t: { sessions: s }, p }: StatementParts<{ sessionId: string; presented: string; now: number }>) =>
    db
      .update(s)
      .set({ revokedAt: p.now })
      .where(and(eq(s.id, p.sessionId), ne(s.refreshHash, p.presented), isNull(s.revokedAt)))
      .returning({ id: s.id, agentId: s.agentId })
      .prepare(),
)

const findSessionAgent = statement(({ db, t, p }: StatementParts<{ sessionId: string }>) =>
  db
    .select({ agent: t.agents, incarnation: t.sessions.incarnation })
    .from(t.sessions)
    .innerJoin(t.agents, eq(t.agents.id, t.sessions.agentId))
    .where(eq(t.sessions.id, p.sessionId))
    .prepare(),
)

/**
 * Returns true for a valid exchange, otherwise the refusal. The caller throws it after the commit,
 * or the revocation of a session with a reused token would be rolled back.
 */
async function exchangeIn(
  ctx: Context,
  tx: Transaction,
  sessionId: string,
  input: Input,
): Promise<true | CoordinationError> {
  const { pepper } = ctx.identity
  const presented = pepper.hash('refresh', input.refreshToken)
  const nonce = pepper.hash('nonce', input.nonce)
  const successor = pepper.hash('refresh', nextRefreshToken(pepper, sessionId, input.refreshToken, input.nonce))
  const limits = { now: tx.now, idleSince: tx.now - sessionLife.idleMs, begunSince: tx.now - sessionLife.absoluteMs }
  if ((await tx.run(exchangeToken, { sessionId, presented, successor, nonce, ...limits })).length > 0) return true
  if ((await tx.run(findRetry, { sessionId, presented, nonce, since: tx.now - refreshRetryWindowMs })).length > 0)
    return true
  const [revoked] = await tx.run(revokeReusedSession, { sessionId, presented, now: tx.now })
  if (!revoked) {
    const [row] = await tx.run(findSession, { sessionId })
    return row?.revokedAt === null
      ? new CoordinationError('TOKEN_EXPIRED', 'the refresh token has expired: register again')
      : new CoordinationError('TOKEN_REVOKED', 'this session has been revoked: register again')
  }
  tx.notify({ topic: 'revoked', sessions: [sessionId] })
  const reason: SessionRevocationReason = 'reuse'
  const data = { sessionId, reason }
  tx.append({ type: 'session.revoked', subject: revoked.agentId, actor: null, audience: [revoked.agentId], data })
  return new CoordinationError(
    'TOKEN_REVOKED',
    'the refresh token was used before: its session has been ended, register again',
  )
}

/**
 * `auth.refresh`: exchanges a refresh token for the session's next access and refresh tokens. The
 * old refresh token is then used up.
 */
export async function refreshSession(ctx: Context, input: Input): Promise<z.output<typeof authRefreshOutput>> {
  const sessionId = sessionIdOfToken(ctx.identity.pepper, input.refreshToken)
  if (sessionId === undefined) throw invalidTokenError()
  const [sessionAgent] = await ctx.store.read((reader) => reader.run(findSessionAgent, { sessionId }))
  if (!sessionAgent) throw invalidTokenError()
  const { agent, incarnation } = sessionAgent
  const fence = { sessionId, agentId: agent.id, incarnation }
  const scope: TransactionParams = {
    project: agent.projectId,
    lane: 'urgent',
    caller: agent.id,
    fence,
    requestId: ctx.requestId,
  }
  const outcome = await ctx.store.transact(scope, (tx) => exchangeIn(ctx, tx, sessionId, input))
  if (outcome !== true) throw outcome
  // An agent that only refreshes its session is live too: long silence would unregister it.
  ctx.presence.record(agent.projectId, agent.id, ctx.store.now())
  const issued = await ctx.identity.tokens.issue({
    agentId: agent.id,
    name: agent.name,
    type: agent.type,
    role: agentRole.parse(agent.role),
    capabilities: JSON.parse(agent.capabilities),
    project: agent.projectId,
    incarnation,
    sessionId,
  })
  const refreshToken = nextRefreshToken(ctx.identity.pepper, sessionId, input.refreshToken, input.nonce)
  return { token: issued.token, refreshToken, expiresAt: iso(issued.expiresAt), expiresInMs: issued.expiresInMs }
}
