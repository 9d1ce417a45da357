import type { projectPauseInput } from '@tony/mcp-shared/projects'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { pauseProjectIn, resumeProjectIn } from '../../domain/projects/pause.ts'
import type { Transaction } from '../../store/store.ts'
import { type Project, toProject } from './serialize.ts'

type Input = z.output<typeof projectPauseInput>

const setPaused = (ctx: Context, input: Input, change: typeof pauseProjectIn): Promise<Project> =>
  ctx.transact(async (tx: Transaction) => {
    await change(tx, ctx.principal, input.reason ?? null)
    const { projects } = tx.t
    const [row] = await tx.db.select().from(projects).where(eq(projects.id, ctx.principal.project))
    if (!row) throw new Error('the project was deleted during the call')
    return toProject(row)
  })

/** `projects.pause`: has the same effect as `agents.pause` without an agent or an epic. */
export const pauseProject = (ctx: Context, input: Input): Promise<Project> => setPaused(ctx, input, pauseProjectIn)

export const resumeProject = (ctx: Context, input: Input): Promise<Project> => setPaused(ctx, input, resumeProjectIn)
