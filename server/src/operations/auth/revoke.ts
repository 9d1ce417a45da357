import type { authRevokeInput, authRevokeOutput, SessionRevocationReason } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { z } from 'zod'
import { requireKnownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { findSession, revokeAgentSessions, revokeSession } from '../../domain/identity/session.ts'
import { actorOf, isAllowed } from '../../domain/principal.ts'
import type { Transaction } from '../../store/store.ts'
import { revokeKey } from './keys/revoke.ts'

type Input = z.output<typeof authRevokeInput>

async function revokeSessionsIn(ctx: Context, tx: Transaction, { sessionId, agent }: Input) {
  const { project } = ctx.principal
  if (agent !== undefined) return revokeAgentSessions(tx, await requireKnownAgent(tx, project, agent))
  const targetId = sessionId ?? ctx.principal.sessionId ?? ''
  const [row] = await tx.run(findSession, { sessionId: targetId })
  if (row?.projectId !== project) throw new CoordinationError('NOT_FOUND', `Session ${targetId} not found`)
  return revokeSession(tx, targetId)
}

/**
 * `auth.revoke`: nothing of the revoked caller commits after it, on any replica. Its sockets and
 * reads stop within 2 s.
 */
export async function revokeAccess(ctx: Context, input: Input): Promise<z.output<typeof authRevokeOutput>> {
  const { principal } = ctx
  if (input.keyId !== undefined) {
    if (!isAllowed(principal, 'keys:write'))
      throw new CoordinationError('FORBIDDEN', 'revoking a key needs the role admin')
    const { revokedSessions } = await revokeKey(ctx, { keyId: input.keyId })
    return { revokedSessions }
  }
  const isOwnSession = input.agent === undefined && (input.sessionId ?? principal.sessionId) === principal.sessionId
  if (isOwnSession && principal.sessionId === undefined)
    throw new CoordinationError('INVALID_INPUT', 'the caller has no session: pass sessionId, agent or keyId')
  if (!isOwnSession && !isAllowed(principal, 'sessions:revoke'))
    throw new CoordinationError('FORBIDDEN', "ending another's session needs the role tech-lead")
  const revoked = await ctx.transact(async (tx) => {
    const sessions = await revokeSessionsIn(ctx, tx, input)
    const actor = actorOf(principal)
    const reason: SessionRevocationReason = 'revoked'
    for (const { id, agentId } of sessions) {
      const data = { sessionId: id, reason }
      tx.append({ type: 'session.revoked', subject: agentId, actor, audience: [agentId], data })
    }
    return sessions
  })
  return { revokedSessions: revoked.length }
}
