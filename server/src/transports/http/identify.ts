import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { Services } from '../../domain/context.ts'
import type { Identity } from '../../domain/identity/caller.ts'
import { checkKey } from '../../domain/identity/check-key.ts'
import { verifyToken } from '../../domain/identity/issuers/external-identity.ts'
import { networkOf } from '../../domain/identity/network.ts'
import type { Principal } from '../../domain/principal.ts'
import { findProjectByName } from '../../domain/projects/find.ts'
import type { RequestChecks } from './request-checks.ts'

/** What a caller shows of itself. */
export interface Credentials {
  readonly token: string | undefined
  /** Name of the project; only a developer in dev mode chooses it, a credential carries its own. */
  readonly project: string | undefined
  readonly request: IncomingMessage
}

/** The token of an `Authorization: Bearer` header; empty, which no token is, for a header that is something else. */
export function bearerOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '')
}

export const projectOf = ({ headers }: IncomingMessage): string | undefined => {
  const name = headers['x-tony-project']
  return typeof name === 'string' ? name : undefined
}

async function developerPrincipal(services: Services, name: string): Promise<Principal> {
  const project = await services.store.read((reader) => findProjectByName(reader, name))
  if (project === undefined) throw new CoordinationError('NOT_FOUND', `Project ${name} not found`)
  return {
    subject: 'developer',
    project,
    role: services.config.devRole,
    capabilities: [],
    agent: undefined,
    expiresAt: Number.POSITIVE_INFINITY,
  }
}

/** A JWT has three parts. */
const isAccessToken = (token: string): boolean => token.split('.').length === 3

/** Who guesses, and at what. */
const lockoutIdOf = (key: string, address: string | undefined): string =>
  `${networkOf(address)} ${/^tck_([0-9A-Za-z]{12})_/.exec(key)?.[1] ?? 'other'}`

/** Milliseconds for which the key that a request shows is locked out from where it comes; 0 when it is not. */
export function lockoutMs(services: Services, checks: RequestChecks, request: IncomingMessage): number {
  const token = bearerOf(request)
  return token === undefined || isAccessToken(token)
    ? 0
    : services.identity.lockouts.remainingMs(lockoutIdOf(token, checks.addressOf(request)))
}

/** Refuses one that guesses, and notes when a guess was wrong. */
async function authenticateKey(services: Services, key: string, address: string | undefined): Promise<Principal> {
  const lockoutId = lockoutIdOf(key, address)
  services.identity.lockouts.requireUnlocked(lockoutId)
  try {
    const principal = await checkKey(services, key, address)
    services.identity.lockouts.recordSuccess(lockoutId)
    return principal
  } catch (error) {
    // A store that does not answer says nothing of the key.
    if (error instanceof CoordinationError && error.code === 'UNAUTHENTICATED')
      services.identity.lockouts.recordFailure(lockoutId)
    throw error
  }
}

async function resolvePrincipal(
  services: Services,
  checks: RequestChecks,
  { token, project, request }: Credentials,
): Promise<Principal> {
  if (token !== undefined)
    return isAccessToken(token)
      ? verifyToken(services, token)
      : authenticateKey(services, token, checks.addressOf(request))
  if (services.config.mode === 'dev' && checks.isLocal(request))
    return developerPrincipal(services, project ?? defaultProject)
  throw new CoordinationError(
    'UNAUTHENTICATED',
    'a token is needed: Authorization: Bearer <token>, or connectionParams { token }',
  )
}

/** Who a caller is, or why that could not be established: an open procedure may be called all the same. */
export async function identify(services: Services, checks: RequestChecks, credentials: Credentials): Promise<Identity> {
  try {
    return { ok: true, principal: await resolvePrincipal(services, checks, credentials) }
  } catch (error) {
    const shown = credentials.token !== undefined
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)), hasCredential: shown }
  }
}
