import type { authWhoamiOutput } from '@tony/mcp-shared/auth'
import { permissions } from '@tony/mcp-shared/policy'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { isAllowed } from '../../domain/principal.ts'
import { iso } from '../../platform/times.ts'

export async function whoami({ principal }: Context): Promise<z.output<typeof authWhoamiOutput>> {
  const { agent, key, sessionId, role, project, expiresAt } = principal
  return {
    kind: agent ? 'agent' : key ? 'key' : 'developer',
    agentId: agent?.id ?? null,
    name: agent?.name ?? key?.name ?? null,
    incarnation: agent?.incarnation ?? null,
    sessionId: sessionId ?? null,
    keyId: key?.id ?? null,
    role,
    permissions: permissions.filter((permission) => isAllowed(principal, permission)),
    capabilities: [...principal.capabilities],
    project,
    expiresAt: Number.isFinite(expiresAt) ? iso(expiresAt) : null,
  }
}
