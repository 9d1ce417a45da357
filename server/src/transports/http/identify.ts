import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { Parts } from '../../domain/context.ts'
import { verifyKey } from '../../domain/identity/check-key.ts'
import { verifyToken } from '../../domain/identity/issuers/admit.ts'
import { networkOf } from '../../domain/identity/network.ts'
import type { Principal } from '../../domain/principal.ts'
import { projectNamed } from '../../domain/projects/find.ts'
import type { Connection } from '../../guards/call.ts'
import type { Gate } from './request-checks.ts'

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

async function developer(parts: Parts, name: string): Promise<Principal> {
  const project = await parts.store.read((reader) => projectNamed(reader, name))
  if (project === undefined) throw new CoordinationError('NOT_FOUND', `Project ${name} not found`)
  return {
    subject: 'developer',
    project,
    role: parts.config.devRole,
    capabilities: [],
    agent: undefined,
    expiresAt: Number.POSITIVE_INFINITY,
  }
}

/** A JWT has three parts. */
const isAccessToken = (token: string): boolean => token.split('.').length === 3

/** Who guesses, and at what. */
const pairOf = (key: string, address: string | undefined): string =>
  `${networkOf(address)} ${/^tck_([0-9A-Za-z]{12})_/.exec(key)?.[1] ?? 'other'}`

/** Milliseconds for which the key that a request shows is locked out from where it comes; 0 when it is not. */
export function lockedOutMs(parts: Parts, gate: Gate, request: IncomingMessage): number {
  const token = bearerOf(request)
  return token === undefined || isAccessToken(token) ? 0 : parts.lockouts.leftMs(pairOf(token, gate.addressOf(request)))
}

/** Refuses one that guesses, and notes when a guess was wrong. */
async function byKey(parts: Parts, key: string, address: string | undefined): Promise<Principal> {
  const pair = pairOf(key, address)
  parts.lockouts.require(pair)
  try {
    const principal = await verifyKey(parts, key, address)
    parts.lockouts.succeeded(pair)
    return principal
  } catch (error) {
    // A store that does not answer says nothing of the key.
    if (error instanceof CoordinationError && error.code === 'UNAUTHENTICATED') parts.lockouts.failed(pair)
    throw error
  }
}

async function establish(parts: Parts, gate: Gate, { token, project, request }: Credentials): Promise<Principal> {
  if (token !== undefined)
    return isAccessToken(token) ? verifyToken(parts, token) : byKey(parts, token, gate.addressOf(request))
  if (parts.config.mode === 'dev' && gate.isLocal(request)) return developer(parts, project ?? defaultProject)
  throw new CoordinationError(
    'UNAUTHENTICATED',
    'a token is needed: Authorization: Bearer <token>, or connectionParams { token }',
  )
}

/** Who a caller is, or why that could not be established: an open procedure may be called all the same. */
export async function identify(parts: Parts, gate: Gate, credentials: Credentials): Promise<Connection['identity']> {
  try {
    return { ok: true, principal: await establish(parts, gate, credentials) }
  } catch (error) {
    const shown = credentials.token !== undefined
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)), shown }
  }
}
