import type { project } from '@tony/mcp-shared/projects'
import type { z } from 'zod'
import { iso } from '../times.ts'

export type Project = z.output<typeof project>

export const presentProject = (row: { id: string; name: string; path: string | null; createdAt: number }): Project => ({
  id: row.id,
  name: row.name,
  path: row.path,
  createdAt: iso(row.createdAt),
})
