import * as shapes from '@tony/mcp-shared/projects'
import { z } from 'zod'
import { createProject } from '../operations/projects/create.ts'
import { getProject } from '../operations/projects/get.ts'
import { listProjects } from '../operations/projects/list.ts'
import { pauseProject, resumeProject } from '../operations/projects/pause.ts'
import { setPools } from '../operations/projects/set-pools.ts'
import { mutation, query, router } from './procedure.ts'

export const projectsRouter = router({
  create: mutation(
    { permission: 'projects:write', input: shapes.projectCreateInput, output: shapes.project },
    createProject,
  ),
  get: query(
    { permission: 'projects:read', cost: 5, input: shapes.projectGetInput, output: shapes.projectDetail },
    getProject,
  ),
  list: query(
    { permission: 'projects:read', input: z.strictObject({}).optional(), output: shapes.projectListOutput },
    listProjects,
  ),
  pause: mutation(
    { permission: 'projects:run', repeatable: true, input: shapes.projectPauseInput, output: shapes.project },
    pauseProject,
  ),
  resume: mutation(
    { permission: 'projects:run', repeatable: true, input: shapes.projectPauseInput, output: shapes.project },
    resumeProject,
  ),
  setPools: mutation(
    { permission: 'projects:run', repeatable: true, input: shapes.projectSetPoolsInput, output: shapes.projectDetail },
    setPools,
  ),
})
