import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Input, LeasedPath, Output, Path, Task, WithoutLease } from './calls.ts'

/** The agent of a session, as the server has registered it. */
export interface AgentIdentity {
  readonly agentId: string
  readonly name: string
  readonly role: string
}

/**
 * The profile that a session asks for. A field that is left out keeps its value, or gets the
 * default of the host's configuration.
 */
export interface AgentProfile {
  readonly name?: string | undefined
  readonly type?: string | undefined
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead' | undefined
  readonly capabilities?: readonly string[] | undefined
}

/** The current profile of a session. */
export interface CurrentProfile {
  readonly name: string
  readonly type: string
  readonly capabilities: readonly string[]
}

const sameStrings = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted())

/**
 * True if joining would change the current profile. If not, joining again must not cost the session
 * its leases.
 */
export const changesProfile = ({ name, type, role, capabilities }: AgentProfile, current: CurrentProfile): boolean =>
  role !== undefined ||
  (name !== undefined && name !== current.name) ||
  (type !== undefined && type !== current.type) ||
  (capabilities !== undefined && !sameStrings(capabilities, current.capabilities))

/** Options of a call that waits. */
export interface WaitOptions {
  /** Longest wait, in milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** The messages of one reply. */
export interface ReceivedMessages {
  readonly messages: readonly InboxMessage[]
  /** True if the reply is full, so that more messages may be ready. */
  readonly more: boolean
}

/**
 * One session at the server, as the tools use it. It keeps every secret: access tokens, lease
 * tokens and receipts. The tools refer to tasks and messages by their ids.
 */
export interface ToolSession {
  /**
   * The longest wait of a tool, in milliseconds. It is shorter than the host's timeout for a tool.
   */
  readonly maxWaitMs: number
  /** Returns the agent of this session; undefined before it has joined. */
  currentAgent(): Promise<AgentIdentity | undefined>
  /** Returns the agent of this session. Joins with the default profile if it has not joined. */
  ensureJoined(): Promise<AgentIdentity>
  /** Registers this session as an agent. If that changes its profile, its leases are released. */
  join(profile: AgentProfile): Promise<AgentIdentity>
  call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>>
  /**
   * Calls with this session's lease of the task. Throws an error with the code STALE_LEASE if it
   * has none.
   */
  callWithLease<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>>
  /**
   * Claims the next task. Returns undefined if none came in time. A message that may be shown at
   * the end of a turn ends the wait.
   */
  claim(wait: WaitOptions): Promise<Task | undefined>
  /**
   * Returns the next messages, and acks the ones shown before: a model that asks again has read
   * them.
   */
  receive(limit: number, wait: WaitOptions): Promise<ReceivedMessages>
  /**
   * Takes the messages to show now: those of this delivery mode or a more urgent one. Empty before
   * this session has joined.
   */
  takeDueMessages(upTo: DeliveryMode): Promise<InboxMessage[]>
  /**
   * Reports that these messages are shown with the current result, so that their senders can see
   * it.
   */
  markShown(messageIds: readonly string[]): Promise<void>
  /** Takes the notices for the model, each one once: for example that it has lost a task. */
  takeNotices(): string[]
}
