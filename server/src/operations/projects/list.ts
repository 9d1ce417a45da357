import type { projectListOutput } from '@tony/mcp-shared/projects'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { toProject } from './serialize.ts'

/** `projects.list`: sorted by name. */
export const listProjects = (ctx: Context): Promise<z.output<typeof projectListOutput>> =>
  ctx.read(async ({ db, t }) => {
    const rows = await db.select().from(t.projects).orderBy(t.projects.name)
    return { projects: rows.map(toProject) }
  })
