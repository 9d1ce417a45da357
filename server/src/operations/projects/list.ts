import type { projectListOutput } from '@tony/mcp-shared/projects'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { isAllowed } from '../../domain/principal.ts'
import { toProject } from './serialize.ts'

/**
 * `projects.list`: the projects that `projects.get` returns to the caller, sorted by name. They are
 * its own one, and for an admin all of them.
 */
export const listProjects = (ctx: Context): Promise<z.output<typeof projectListOutput>> =>
  ctx.read(async ({ db, t }) => {
    const visible = isAllowed(ctx.principal, 'projects:write') ? undefined : eq(t.projects.id, ctx.principal.project)
    const rows = await db.select().from(t.projects).where(visible).orderBy(t.projects.name)
    return { projects: rows.map(toProject) }
  })
