import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { Parts } from '../context.ts'
import type { Connection } from '../guards/call.ts'
import type { Principal } from '../principal.ts'
import { projectNamed } from '../projects/find.ts'

/** What a caller shows of itself. */
export interface Credentials {
  readonly token: string | undefined
  /** Name of the project; only a developer in dev mode chooses it, a token carries its own. */
  readonly project: string | undefined
  readonly request: IncomingMessage
}

const loopbackHosts = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackOrigins = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackAddresses = /^(127\.|::1$|::ffff:127\.)/

/** Whether a page of this origin may call. Programs send none; `null` and everything foreign may not. */
export const originAllowed = ({ headers: { origin } }: IncomingMessage): boolean =>
  origin === undefined || loopbackOrigins.test(origin)

/**
 * Whether a request comes from this machine and was meant for it. All three count: the address alone would let any page in
 * the developer's browser in, and without the Host check a name that resolves to loopback would do.
 */
const isLocal = (request: IncomingMessage): boolean =>
  loopbackAddresses.test(request.socket.remoteAddress ?? '') &&
  loopbackHosts.test(request.headers.host ?? '') &&
  originAllowed(request)

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

async function establish(parts: Parts, { token, project, request }: Credentials): Promise<Principal> {
  if (token !== undefined) return parts.tokens.verify(token)
  if (parts.config.mode === 'dev' && isLocal(request)) return developer(parts, project ?? defaultProject)
  throw new CoordinationError(
    'UNAUTHENTICATED',
    'a token is needed: Authorization: Bearer <token>, or connectionParams { token }',
  )
}

/** Who a caller is, or why that could not be established: an open procedure may be called all the same. */
export async function identify(parts: Parts, credentials: Credentials): Promise<Connection['identity']> {
  try {
    return { ok: true, principal: await establish(parts, credentials) }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) }
  }
}
