import { createHash } from 'node:crypto'
import { agentRole } from '@tony/mcp-shared/roles'
import type { Services } from '../../domain/context.ts'
import type { Pepper } from '../../domain/identity/pepper.ts'
import type { Principal } from '../../domain/principal.ts'
import { findJoinedAgent } from '../../domain/tool-sessions/lookups.ts'
import { randomToken } from '../../platform/random.ts'

/**
 * The address of a tool session over HTTP. The host sends it with each request, and the server
 * stores only a hash of it.
 */
export interface SessionAddress {
  /** The secret with which its agent registers. */
  readonly instance: string
  /** Default name of its agent. */
  readonly name: string
  /** Name of the host, as it was given at the beginning of its session. */
  readonly hostName?: string
  /** True if the agent lasts for one host session only. */
  readonly endsWithSession: boolean
}

const sessionIdPattern = /^([\w-]{1,40})\.[\w-]{32}\.([\w-]{16})$/

const sessionIdTagOf = (pepper: Pepper, id: string): string => pepper.hash('mcp-session', id).slice(0, 16)

/**
 * Creates an unguessable session id that begins with the kind of its host. Its last part proves to
 * every replica that a server of this store has issued it.
 */
export function createSessionId(pepper: Pepper, client: unknown): string {
  const kind =
    typeof client === 'string'
      ? client
          .toLowerCase()
          .replaceAll(/[^\w-]+/g, '-')
          .slice(0, 40)
      : ''
  const id = `${kind || 'host'}.${randomToken(24)}`
  return `${id}.${sessionIdTagOf(pepper, id)}`
}

/** Returns the session address of a session id; undefined if no server of this store issued it. */
export function addressOfSession(pepper: Pepper, sessionId: string): SessionAddress | undefined {
  const [, kind = '', tag] = sessionIdPattern.exec(sessionId) ?? []
  if (tag === undefined || tag !== sessionIdTagOf(pepper, sessionId.slice(0, -tag.length - 1))) return undefined
  const digest = createHash('sha256').update(sessionId).digest('hex').slice(0, 8)
  return { instance: sessionId, name: `${kind}-${digest}`, hostName: kind, endsWithSession: true }
}

/** Returns the session address of the agent that the configuration of a host names. */
export const addressOfNamedAgent = (agent: string): SessionAddress => ({
  instance: `named by its configuration: ${agent}`,
  name: agent,
  endsWithSession: false,
})

/**
 * Loads the agent that joined from this address with this credential. Returns undefined if there is
 * none, and `over` if its session was ended.
 */
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
      // The same expiry as the credential that each request sends.
      expiresAt: credential.expiresAt,
    },
  }
}

export interface JoinedAgent {
  readonly type: string
  readonly principal: Principal
}
