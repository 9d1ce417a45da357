import type { authRevokeInput, authRevokeOutput } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { actorOf, may } from '../principal.ts'
import { findSession, revokeSession, revokeSessions } from '../sessions/session.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'
import { revokeKey } from './keys/revoke.ts'

type Input = z.output<typeof authRevokeInput>

const findAgent = statement(({ db, t, p }: Query<{ project: string; agent: string }>) =>
  db
    .select({ id: t.agents.id })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.agent), eq(t.agents.name, p.agent))))
    .prepare(),
)

async function end(ctx: Context, tx: Transaction, { sessionId, agent }: Input) {
  const { project } = ctx.principal
  if (agent !== undefined) {
    const [row] = await tx.run(findAgent, { project, agent })
    if (!row) throw new CoordinationError('NOT_FOUND', `Agent ${agent} not found`)
    return revokeSessions(tx, row.id)
  }
  const wanted = sessionId ?? ctx.principal.sessionId ?? ''
  const [row] = await tx.run(findSession, { sessionId: wanted })
  if (row?.projectId !== project) throw new CoordinationError('NOT_FOUND', `Session ${wanted} not found`)
  return revokeSession(tx, wanted)
}

/** `auth.revoke`: of what is ended nothing more commits, on any replica; its sockets and reads stop within 2 s. */
export async function revoke(ctx: Context, input: Input): Promise<z.output<typeof authRevokeOutput>> {
  const { principal } = ctx
  if (input.keyId !== undefined) {
    if (!may(principal, 'keys:write')) throw new CoordinationError('FORBIDDEN', 'revoking a key needs the role admin')
    const { revokedSessions } = await revokeKey(ctx, { keyId: input.keyId })
    return { revokedSessions }
  }
  const own = input.agent === undefined && (input.sessionId ?? principal.sessionId) === principal.sessionId
  if (own && principal.sessionId === undefined)
    throw new CoordinationError('INVALID_INPUT', 'the caller has no session of its own: name what to revoke')
  if (!own && !may(principal, 'sessions:revoke'))
    throw new CoordinationError('FORBIDDEN', "ending another's session needs the role tech-lead")
  const revoked = await ctx.transact(async (tx) => {
    const ended = await end(ctx, tx, input)
    const actor = actorOf(principal)
    for (const { id, agentId } of ended) {
      const data = { sessionId: id, reason: 'revoked' }
      tx.append({ type: 'session.revoked', subject: agentId, actor, audience: [agentId], data })
    }
    return ended
  })
  return { revokedSessions: revoked.length }
}
