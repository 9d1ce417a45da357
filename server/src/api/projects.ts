import { project, projectCreateInput, projectListOutput } from '@tony/mcp-shared/projects'
import { z } from 'zod'
import { createProject } from '../projects/create.ts'
import { listProjects } from '../projects/list.ts'
import { mutation, query, router } from './procedure.ts'

export const projects = router({
  create: mutation({ permission: 'projects:write', input: projectCreateInput, output: project }, createProject),
  list: query(
    { permission: 'projects:read', input: z.strictObject({}).optional(), output: projectListOutput },
    listProjects,
  ),
})
