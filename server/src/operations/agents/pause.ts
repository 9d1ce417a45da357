import type { agentPauseInput, agentPauseOutput } from '@tony/mcp-shared/agents'
import { and, eq, isNotNull, isNull, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { pauseEpic, resumeEpic } from '../../domain/projects/epics.ts'
import { pauseProjectIn, resumeProjectIn } from '../../domain/projects/pause.ts'
import { requireAgentRow } from './serialize.ts'

type Input = z.output<typeof agentPauseInput>
type Output = z.output<typeof agentPauseOutput>

const pauseOneAgent = (ctx: Context, agent: string, reason: string | null): Promise<Output> =>
  ctx.transact(async (tx) => {
    const { id } = await requireAgentRow(tx, ctx.principal.project, agent)
    const { agents } = tx.t
    const [row] = await tx.db
      .update(agents)
      .set({ pausedAt: tx.now })
      .where(and(eq(agents.id, id), isNull(agents.pausedAt)))
      .returning({ name: agents.name })
    const data = { name: row?.name, reason }
    if (row) tx.append({ type: 'agent.paused', subject: id, actor: actorOf(ctx.principal), data })
    return { scope: 'agent', subject: id, paused: true }
  })

const resumeOneAgent = (ctx: Context, agent: string, reason: string | null): Promise<Output> =>
  ctx.transact(async (tx) => {
    const { id } = await requireAgentRow(tx, ctx.principal.project, agent)
    const { agents } = tx.t
    const [row] = await tx.db
      .update(agents)
      .set({ pausedAt: null, drainingAt: null })
      .where(and(eq(agents.id, id), or(isNotNull(agents.pausedAt), isNotNull(agents.drainingAt))))
      .returning({ name: agents.name })
    if (row) {
      const data = { name: row.name, reason }
      tx.append({ type: 'agent.resumed', subject: id, actor: actorOf(ctx.principal), data })
      tx.notify({ topic: 'fleet', project: ctx.principal.project, agentId: id })
    }
    return { scope: 'agent', subject: id, paused: false }
  })

const setProjectPaused = (ctx: Context, paused: boolean, reason: string | null): Promise<Output> =>
  ctx.transact(async (tx) => {
    await (paused ? pauseProjectIn : resumeProjectIn)(tx, ctx.principal, reason)
    return { scope: 'project', subject: ctx.principal.project, paused }
  })

/**
 * `agents.pause`: pauses an agent, an epic or the whole project. It has no effect on a paused one.
 */
export const pauseAgents = (ctx: Context, { agent, epic, reason: given }: Input): Promise<Output> => {
  const reason = given ?? null
  if (agent !== undefined) return pauseOneAgent(ctx, agent, reason)
  return epic === undefined ? setProjectPaused(ctx, true, reason) : pauseEpic(ctx, epic, reason)
}

/** `agents.resume`: ends a pause, and also the drain of an agent. */
export const resumeAgents = (ctx: Context, { agent, epic, reason: given }: Input): Promise<Output> => {
  const reason = given ?? null
  if (agent !== undefined) return resumeOneAgent(ctx, agent, reason)
  return epic === undefined ? setProjectPaused(ctx, false, reason) : resumeEpic(ctx, epic, reason)
}
