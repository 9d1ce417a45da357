import { Agent, type AgentOptions, TonyError } from '@tony/mcp-client'
import { ToolError } from '@tony/mcp-tools/error-text'
import type { AgentProfile } from '@tony/mcp-tools/tool-session'
import type { Slot } from './slots.ts'

/** What a session is configured as. */
export interface Settings {
  readonly url: string
  /** An API key or an enrolment token. Without one the server must be in dev mode on this machine. */
  readonly credential: string | undefined
  /** Name of the project; without one the workspace's, where the server has such a project. A credential carries its own. */
  readonly project: string | undefined
  readonly type: string
  readonly capabilities: readonly string[]
  /** The longest a tool may wait, in milliseconds. */
  readonly maxWaitMs: number
}

/** How long the server may take to answer before the model is told that nothing is there, in milliseconds. */
const registerWithinMs = 5_000
const deadlineMs = 15_000

/** The longest a timer can be: the session's own heartbeat lists leases the runtime of the client does not know. */
const maxTimerMs = 2 ** 31 - 1

const codeOf = (error: unknown): string | undefined => (error instanceof TonyError ? error.code : undefined)

function toUnreachable(error: unknown, url: string): unknown {
  const unreachable = codeOf(error) === 'DEADLINE_EXCEEDED' || codeOf(error) === 'CONNECTION_LOST'
  return unreachable ? new ToolError('SERVER_UNREACHABLE', `no server answers at ${url}`) : error
}

/** The same registration once more, for a refusal that another form of it has not. */
async function registerOrElse(
  register: () => Promise<Agent>,
  code: string,
  otherwise: () => Promise<Agent>,
): Promise<Agent> {
  try {
    return await register()
  } catch (error) {
    if (codeOf(error) !== code) throw error
    return otherwise()
  }
}

export interface RegisterOptions {
  readonly settings: Settings
  readonly profile: AgentProfile
  readonly slot: Slot
  /** The name of the workspace, for the project. */
  readonly workspace: string
  readonly onClosed: () => void
}

/** Registers a session as an agent. Rejects with SERVER_UNREACHABLE, or as the server refuses. */
export async function register({ settings, profile, slot, workspace, onClosed }: RegisterOptions): Promise<Agent> {
  const { url, credential, project } = settings
  const attempt = (name: string, inProject: string | undefined): Promise<Agent> => {
    const options: AgentOptions = {
      url,
      name,
      type: profile.type ?? settings.type,
      capabilities: profile.capabilities ?? settings.capabilities,
      clientInstanceId: slot.instanceIdOf(name),
      heartbeatMs: maxTimerMs,
      registerWithinMs,
      deadlineMs,
      onState: (state) => {
        if (state === 'closed') onClosed()
      },
      ...(profile.role === undefined ? {} : { role: profile.role }),
      ...(credential === undefined ? {} : { credential }),
      ...(inProject === undefined ? {} : { project: inProject }),
    }
    return Agent.register(options)
  }
  const registerAs = (name: string): Promise<Agent> => {
    if (credential !== undefined || project !== undefined) return attempt(name, project)
    return registerOrElse(
      () => attempt(name, workspace),
      'NOT_FOUND',
      () => attempt(name, undefined),
    )
  }
  // A name of before that this session can no longer prove, with another key for instance, is nobody's loss but its own.
  const registerUnique = () => registerAs(`${slot.name}-${crypto.randomUUID().slice(0, 4)}`)
  const { name } = profile
  const registering =
    name === undefined
      ? registerOrElse(() => registerAs(slot.name), 'AGENT_NAME_TAKEN', registerUnique)
      : registerAs(name)
  return registering.catch((error: unknown) => {
    throw toUnreachable(error, url)
  })
}
