import type { sessionListInput, sessionListOutput } from '@tony/mcp-shared/auth'
import { and, desc, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import { requireKnownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { iso, isoOrNull } from '../../platform/times.ts'

/**
 * `auth.sessions.list`: an unknown agent is refused, because an empty list would mean that it has
 * no session.
 */
export const listSessions = (
  ctx: Context,
  { agent, all, limit }: z.output<typeof sessionListInput>,
): Promise<z.output<typeof sessionListOutput>> =>
  ctx.read(async (reader) => {
    const { sessions: s, agents: a } = reader.t
    const { project } = ctx.principal
    const ofAgent = agent === undefined ? [] : [eq(s.agentId, await requireKnownAgent(reader, project, agent))]
    const live = all ? [] : [isNull(s.revokedAt)]
    const rows = await reader.db
      .select({ session: s, name: a.name })
      .from(s)
      .innerJoin(a, eq(a.id, s.agentId))
      .where(and(eq(s.projectId, project), ...ofAgent, ...live))
      .orderBy(desc(s.id))
      .limit(limit)
    return {
      sessions: rows.map(({ session, name }) => ({
        sessionId: session.id,
        agentId: session.agentId,
        name,
        incarnation: session.incarnation,
        keyId: session.credentialId,
        createdAt: iso(session.createdAt),
        lastRefreshedAt: iso(session.refreshedAt),
        revokedAt: isoOrNull(session.revokedAt),
      })),
    }
  })
