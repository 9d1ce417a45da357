import type { project } from '@tony/mcp-shared/projects'
import type { z } from 'zod'
import { iso, isoOrNull } from '../../platform/times.ts'

export type Project = z.output<typeof project>

export const toProject = (row: {
  id: string
  name: string
  path: string | null
  createdAt: number
  pausedAt: number | null
}): Project => ({
  id: row.id,
  name: row.name,
  path: row.path,
  createdAt: iso(row.createdAt),
  pausedAt: isoOrNull(row.pausedAt),
})
