import { type apiKey, role, scope } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { z } from 'zod'
import type { KeyRow } from '../../../domain/identity/check-key.ts'
import { iso, isoOrNull } from '../../../platform/times.ts'

const scopeList = z.array(scope)

/** Serializes a key for administrators, without its secret. */
export const toApiKey = (row: KeyRow): z.output<typeof apiKey> => ({
  keyId: row.id,
  name: row.name,
  project: row.projectId,
  scopes: scopeList.parse(JSON.parse(row.scopes)),
  roleCeiling: role.parse(row.roleCeiling),
  maxUses: row.maxUses,
  uses: row.uses,
  cidrs: JSON.parse(row.cidrs),
  createdAt: iso(row.createdAt),
  expiresAt: iso(row.expiresAt),
  lastUsedAt: isoOrNull(row.lastUsedAt),
  previousUntil: isoOrNull(row.previousUntil),
  revokedAt: isoOrNull(row.revokedAt),
})

export const keyNotFoundError = (keyId: string) => new CoordinationError('NOT_FOUND', `Key ${keyId} not found`)
