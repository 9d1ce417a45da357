import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Permission } from '@tony/mcp-shared/policy'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { Services } from '../../domain/context.ts'
import type { CallerIdentity } from '../../domain/identity/caller.ts'
import { checkKey } from '../../domain/identity/check-key.ts'
import { checkToken } from '../../domain/identity/issuers/external-identity.ts'
import { networkOf } from '../../domain/identity/network.ts'
import type { Principal } from '../../domain/principal.ts'
import { findProjectByName } from '../../domain/projects/find.ts'
import type { RequestChecks } from './request-checks.ts'

/** A caller's credential and the project it chose. */
export interface IdentifyParams {
  readonly token: string | undefined
  /** Name of the project. Only a developer in dev mode chooses it; a credential carries its own. */
  readonly project: string | undefined
  readonly request: IncomingMessage
}

/**
 * Returns the token of an `Authorization: Bearer` header. A header of another form gives the empty
 * string, which is never a valid token.
 */
export function bearerOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '')
}

export const projectNameOf = ({ headers }: IncomingMessage): string | undefined => {
  const name = headers['x-tony-project']
  return typeof name === 'string' ? name : undefined
}

const extraDeveloperPermissions: ReadonlySet<Permission> = new Set<Permission>(['projects:write'])

async function loadDeveloperPrincipal(services: Services, name: string): Promise<Principal> {
  const project = await services.store.read((reader) => findProjectByName(reader, name))
  if (project === undefined)
    throw new CoordinationError(
      'NOT_FOUND',
      `Project ${name} not found: create it with tony-mcp projects create ${name}`,
    )
  return {
    subject: 'developer',
    project,
    role: services.config.devRole,
    capabilities: [],
    agent: undefined,
    // The machine is the developer's own, and there is no admin who could create a project.
    extraPermissions: extraDeveloperPermissions,
    expiresAt: Number.POSITIVE_INFINITY,
  }
}

/** True if the token has the three parts of a JWT. */
const hasJwtForm = (token: string): boolean => token.split('.').length === 3

/** Names the pair of network and key that a lockout applies to. */
const lockoutIdOf = (key: string, address: string | undefined): string =>
  `${networkOf(address)} ${/^tck_([0-9A-Za-z]{12})_/.exec(key)?.[1] ?? 'other'}`

/**
 * Returns the remaining lockout of the request's key from its network in milliseconds; 0 means
 * none.
 */
export function remainingLockoutMs(services: Services, checks: RequestChecks, request: IncomingMessage): number {
  const token = bearerOf(request)
  return token === undefined || hasJwtForm(token)
    ? 0
    : services.identity.lockouts.remainingMs(lockoutIdOf(token, checks.addressOf(request)))
}

/** Refuses a locked-out key without checking it, and records each wrong secret. */
async function authenticateKey(services: Services, key: string, address: string | undefined): Promise<Principal> {
  const lockoutId = lockoutIdOf(key, address)
  services.identity.lockouts.requireUnlocked(lockoutId)
  try {
    const principal = await checkKey(services, key, address)
    services.identity.lockouts.recordSuccess(lockoutId)
    return principal
  } catch (error) {
    // An error of the store is no evidence against the key.
    if (error instanceof CoordinationError && error.code === 'UNAUTHENTICATED')
      services.identity.lockouts.recordFailure(lockoutId)
    throw error
  }
}

async function resolvePrincipal(
  services: Services,
  checks: RequestChecks,
  { token, project, request }: IdentifyParams,
): Promise<Principal> {
  if (token !== undefined)
    return hasJwtForm(token) ? checkToken(services, token) : authenticateKey(services, token, checks.addressOf(request))
  if (services.config.mode === 'dev' && checks.isLocal(request))
    return loadDeveloperPrincipal(services, project ?? defaultProject)
  throw new CoordinationError(
    'UNAUTHENTICATED',
    'a token is needed: Authorization: Bearer <token>, or connectionParams { token }',
  )
}

/**
 * Returns the caller's principal, or the reason why it has none. A caller without a principal may
 * still call open procedures.
 */
export async function identifyCaller(
  services: Services,
  checks: RequestChecks,
  credentials: IdentifyParams,
): Promise<CallerIdentity> {
  try {
    return { ok: true, principal: await resolvePrincipal(services, checks, credentials) }
  } catch (error) {
    const shown = credentials.token !== undefined
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)), hasCredential: shown }
  }
}
