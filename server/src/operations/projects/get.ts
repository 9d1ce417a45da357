import { CoordinationError } from '@tony/mcp-shared/errors'
import type { projectDetail, projectGetInput } from '@tony/mcp-shared/projects'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { isAllowed } from '../../domain/principal.ts'
import { epicRollups, rollupOf } from '../../domain/tasks/rollup.ts'
import type { Reader } from '../../store/store.ts'
import { poolsOf } from './pools.ts'
import { toProject } from './serialize.ts'

export type ProjectDetail = z.output<typeof projectDetail>

const epicLimit = 200

/** Returns a project with its settings and its progress. */
export async function projectDetailOf(reader: Reader, id: string): Promise<ProjectDetail> {
  const { db, t } = reader
  const [row] = await db.select().from(t.projects).where(eq(t.projects.id, id))
  if (!row) throw new Error('the project was deleted during the call')
  const paused = await db
    .select({ epic: t.pausedEpics.epic })
    .from(t.pausedEpics)
    .where(eq(t.pausedEpics.projectId, id))
    .orderBy(t.pausedEpics.epic)
  return {
    ...toProject(row),
    pools: await poolsOf(reader, id),
    pausedEpics: paused.map(({ epic }) => epic),
    tasks: await rollupOf(reader, id),
    epics: await epicRollups(reader, id, epicLimit),
  }
}

/**
 * `projects.get`: the caller's own project, by name or without. An admin, who may create and list
 * projects anyway, also gets others.
 */
export const getProject = (ctx: Context, input: z.output<typeof projectGetInput>): Promise<ProjectDetail> =>
  ctx.read(async (reader) => {
    const own = ctx.principal.project
    if (input.project === undefined) return projectDetailOf(reader, own)
    const { db, t } = reader
    const [named] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, input.project))
    const mayRead = named?.id === own || isAllowed(ctx.principal, 'projects:write')
    if (!(named && mayRead)) throw new CoordinationError('NOT_FOUND', `Project ${input.project} not found`)
    return projectDetailOf(reader, named.id)
  })
