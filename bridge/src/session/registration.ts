import { Agent, type AgentOptions, TonyError } from '@tony/mcp-client'
import { ToolError } from '@tony/mcp-tools/error-text'
import type { AgentProfile } from '@tony/mcp-tools/tool-session'
import type { Slot } from './slots.ts'

/** Settings of a bridge. */
export interface BridgeSettings {
  readonly url: string
  /**
   * An API key or an enrolment token. Without one the server must be in dev mode on this machine.
   */
  readonly token: string | undefined
  /**
   * Name of the project. Default: the name of the workspace, if the server has such a project. A
   * token names its own project.
   */
  readonly project: string | undefined
  readonly type: string
  readonly capabilities: readonly string[]
  /** Longest wait of a tool, in milliseconds. */
  readonly maxWaitMs: number
}

/**
 * Deadlines of the registration and of other calls, in milliseconds. After the first one the tool
 * fails with SERVER_UNREACHABLE.
 */
const registerWithinMs = 5_000
const callDeadlineMs = 15_000

/**
 * Longest delay of a timer. It disables the client's heartbeats, because only the bridge can list
 * its leases.
 */
const maxTimerMs = 2 ** 31 - 1

/** Returns a profile without its undefined fields. */
export function definedProfileFieldsOf({ type, capabilities }: AgentProfile): {
  type?: string
  capabilities?: readonly string[]
} {
  return { ...(type === undefined ? {} : { type }), ...(capabilities === undefined ? {} : { capabilities }) }
}

const tonyErrorCodeOf = (error: unknown): string | undefined => (error instanceof TonyError ? error.code : undefined)

function toUnreachableError(error: unknown, url: string): unknown {
  const unreachable = tonyErrorCodeOf(error) === 'DEADLINE_EXCEEDED' || tonyErrorCodeOf(error) === 'CONNECTION_LOST'
  return unreachable ? new ToolError('SERVER_UNREACHABLE', `no server answers at ${url}`) : error
}

/** A model has no id of a project to check, so it gets another next step than after NOT_FOUND. */
const toNoProjectError = (error: unknown): unknown =>
  error instanceof TonyError && error.code === 'NOT_FOUND' ? new ToolError('NO_PROJECT', error.message) : error

/** Registers, and registers in another form if the server refuses the first one with `code`. */
async function registerOrElse(
  register: () => Promise<Agent>,
  code: string,
  otherwise: () => Promise<Agent>,
): Promise<Agent> {
  try {
    return await register()
  } catch (error) {
    if (tonyErrorCodeOf(error) !== code) throw error
    return otherwise()
  }
}

export interface RegisterOptions {
  readonly settings: BridgeSettings
  readonly profile: AgentProfile
  readonly slot: Slot
  /** Name of the workspace, the default for the project. */
  readonly workspace: string
  readonly onClosed: () => void
}

/**
 * Registers a session as an agent. Rejects with SERVER_UNREACHABLE, NO_PROJECT or the server's
 * refusal.
 */
export async function registerAgent({ settings, profile, slot, workspace, onClosed }: RegisterOptions): Promise<Agent> {
  const { url, token, project } = settings
  const attempt = (name: string, inProject: string | undefined): Promise<Agent> => {
    const options: AgentOptions = {
      url,
      name,
      type: profile.type ?? settings.type,
      capabilities: profile.capabilities ?? settings.capabilities,
      clientInstanceId: slot.instanceIdOf(name),
      heartbeatMs: maxTimerMs,
      registerWithinMs,
      deadlineMs: callDeadlineMs,
      onState: (state) => {
        if (state === 'closed') onClosed()
      },
      ...(profile.role === undefined ? {} : { role: profile.role }),
      ...(token === undefined ? {} : { token }),
      ...(inProject === undefined ? {} : { project: inProject }),
    }
    return Agent.register(options)
  }
  const registerAs = (name: string): Promise<Agent> => {
    if (token !== undefined || project !== undefined) return attempt(name, project)
    return registerOrElse(
      () => attempt(name, workspace),
      'NOT_FOUND',
      () => attempt(name, undefined),
    )
  }
  // The session can no longer prove its usual name, for example after a change of its key. It takes
  // another name.
  const registerUnique = () => registerAs(`${slot.name}-${crypto.randomUUID().slice(0, 4)}`)
  const { name } = profile
  const registering =
    name === undefined
      ? registerOrElse(() => registerAs(slot.name), 'AGENT_NAME_TAKEN', registerUnique)
      : registerAs(name)
  return registering.catch((error: unknown) => {
    throw toUnreachableError(toNoProjectError(error), url)
  })
}
