import { createHash } from 'node:crypto'
import { agentRole } from '@tony/mcp-shared/roles'
import type { Services } from '../../domain/context.ts'
import type { Principal } from '../../domain/principal.ts'
import { findJoinedAgent } from '../../domain/tool-sessions/lookups.ts'
import { randomToken } from '../../platform/random.ts'

/** Where a host over HTTP sits: what it says of itself with each request, kept nowhere but at the host. */
export interface SessionAddress {
  /** The secret its agent is registered with. */
  readonly instance: string
  /** The name its agent gets when it asks for none. */
  readonly name: string
  /** Whether it ends with one session of the host. */
  readonly endsWithSession: boolean
}

const sessionIdPattern = /^[\w.-]{1,40}\.[\w-]{32}$/

/** A name for a session that begins now. It says what kind of host it is of, and nobody can guess it. */
export function newSessionId(client: unknown): string {
  const kind =
    typeof client === 'string'
      ? client
          .toLowerCase()
          .replaceAll(/[^\w-]+/g, '-')
          .slice(0, 40)
      : ''
  return `${kind || 'host'}.${randomToken(24)}`
}

/** The place a request is about: by the agent its configuration names, or else by its session. Undefined when it says neither. */
export function sessionAddressOf(agent: string | undefined, sessionId: string | undefined): SessionAddress | undefined {
  if (agent !== undefined && agent !== '')
    return { instance: `named by its configuration: ${agent}`, name: agent, endsWithSession: false }
  if (sessionId === undefined || !sessionIdPattern.test(sessionId)) return undefined
  const [kind = 'host'] = sessionId.split('.')
  const digest = createHash('sha256').update(sessionId).digest('hex').slice(0, 8)
  return { instance: sessionId, name: `${kind}-${digest}`, endsWithSession: true }
}

/** Who sits there; undefined when nobody has joined from there, with this credential. `over` when its login was ended. */
export async function loadJoinedAgent(
  services: Services,
  credential: Principal,
  sessionAddress: SessionAddress,
): Promise<JoinedAgent | 'over' | undefined> {
  const [row] = await services.store.read((reader) =>
    reader.run(findJoinedAgent, {
      project: credential.project,
      instanceHash: services.identity.pepper.hash('instance', sessionAddress.instance),
      credentialId: credential.key?.id ?? null,
    }),
  )
  if (!row) return undefined
  const { id, name, type, incarnation, sessionId } = row
  if (sessionId === null) return 'over'
  const capabilities: readonly string[] = JSON.parse(row.capabilities)
  const { project } = credential
  return {
    type,
    principal: {
      subject: id,
      project,
      role: agentRole.parse(row.role),
      capabilities,
      agent: { id, name, incarnation },
      sessionId,
      // As long as the credential that each request shows.
      expiresAt: credential.expiresAt,
    },
  }
}

export interface JoinedAgent {
  readonly type: string
  readonly principal: Principal
}
