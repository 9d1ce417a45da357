import type { sessionListInput, sessionListOutput } from '@tony/mcp-shared/auth'
import { and, desc, eq, isNull, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { iso, isoOrNull } from '../times.ts'

/** `auth.sessions.list`. */
export const listSessions = (
  ctx: Context,
  { agent, all, limit }: z.output<typeof sessionListInput>,
): Promise<z.output<typeof sessionListOutput>> =>
  ctx.read(async ({ db, t: { sessions: s, agents: a } }) => {
    const ofAgent = agent === undefined ? [] : [or(eq(a.id, agent), eq(a.name, agent))]
    const live = all ? [] : [isNull(s.revokedAt)]
    const rows = await db
      .select({ session: s, name: a.name })
      .from(s)
      .innerJoin(a, eq(a.id, s.agentId))
      .where(and(eq(s.projectId, ctx.principal.project), ...ofAgent, ...live))
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
