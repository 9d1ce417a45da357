import { CoordinationError } from '@tony/mcp-shared/errors'
import type { projectCreateInput } from '@tony/mcp-shared/projects'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Project, toProject } from './serialize.ts'

/**
 * `projects.create`: the event goes to the feed of the caller's own project. The feed of the new
 * project begins empty.
 */
export const createProject = (ctx: Context, input: z.output<typeof projectCreateInput>): Promise<Project> =>
  ctx.transact(async (tx) => {
    const [row] = await tx.db
      .insert(tx.t.projects)
      .values({ id: uuidv7(), name: input.name, path: input.path ?? null, createdAt: tx.now })
      .onConflictDoNothing()
      .returning()
    if (!row) throw new CoordinationError('ALREADY_EXISTS', `the project "${input.name}" already exists`)
    tx.append({ type: 'project.created', subject: row.id, actor: null, data: { name: row.name } })
    return toProject(row)
  })
