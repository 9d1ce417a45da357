import type { agentPauseOutput } from '@tony/mcp-shared/agents'
import { and, eq, isNotNull, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { actorOf } from '../principal.ts'

type Paused = z.output<typeof agentPauseOutput>

/** Nothing is claimed or delivered in the caller's project any more; what is held goes on. */
export const pauseWholeProject = (ctx: Context, reason: string | null): Promise<Paused> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { projects } = tx.t
    const [row] = await tx.db
      .update(projects)
      .set({ pausedAt: tx.now })
      .where(and(eq(projects.id, project), isNull(projects.pausedAt)))
      .returning({ id: projects.id })
    if (row) tx.append({ type: 'project.paused', subject: project, actor: actorOf(ctx.principal), data: { reason } })
    return { scope: 'project', subject: project, paused: true }
  })

/** Agents and epics that were paused by themselves stay so. */
export const resumeWholeProject = (ctx: Context, reason: string | null): Promise<Paused> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { projects } = tx.t
    const [row] = await tx.db
      .update(projects)
      .set({ pausedAt: null })
      .where(and(eq(projects.id, project), isNotNull(projects.pausedAt)))
      .returning({ id: projects.id })
    if (row) {
      tx.append({ type: 'project.resumed', subject: project, actor: actorOf(ctx.principal), data: { reason } })
      tx.wake({ topic: 'fleet', project, agentId: null })
    }
    return { scope: 'project', subject: project, paused: false }
  })
