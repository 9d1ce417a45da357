import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Input, LeasedPath, Output, Path, Task, WithoutLease } from './calls.ts'

/** Who a session is on the server. */
export interface AgentIdentity {
  readonly agentId: string
  readonly name: string
  readonly role: string
}

/** What a session wants to be; what is left out stays as it is, or is the default of the host's configuration. */
export interface AgentProfile {
  readonly name?: string | undefined
  readonly type?: string | undefined
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead' | undefined
  readonly capabilities?: readonly string[] | undefined
}

/** What a session is now. */
export interface CurrentProfile {
  readonly name: string
  readonly type: string
  readonly capabilities: readonly string[]
}

const sameStrings = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted())

/** Whether a session would become something else. If not, joining again must not cost it what it holds. */
export const changesProfile = ({ name, type, role, capabilities }: AgentProfile, current: CurrentProfile): boolean =>
  role !== undefined ||
  (name !== undefined && name !== current.name) ||
  (type !== undefined && type !== current.type) ||
  (capabilities !== undefined && !sameStrings(capabilities, current.capabilities))

/** How long one call may wait for something. */
export interface WaitOptions {
  /** In milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/**
 * One session's place at the server, and all that the tools know of it. It keeps every secret: tokens, the leases of tasks, the
 * receipts of messages. The tools speak of tasks and messages by their ids.
 */
export interface ToolSession {
  /** The longest a tool may wait here, in milliseconds: less than the host waits for a tool. */
  readonly maxWaitMs: number
  /** Who this session is, without joining; undefined before it has. */
  currentAgent(): Promise<AgentIdentity | undefined>
  /** Who this session is: joins with the default profile when it has not. */
  ensureJoined(): Promise<AgentIdentity>
  /** Registers this session, or registers it anew as something else, which gives back what it holds. */
  join(profile: AgentProfile): Promise<AgentIdentity>
  call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>>
  /** Calls with the lease this session holds on the task. Throws with the code STALE_LEASE when it holds none. */
  callWithLease<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>>
  /**
   * The next task, and its lease with it; undefined when none came in time. A message that may be shown at the end of a turn ends
   * the wait.
   */
  claim(wait: WaitOptions): Promise<Task | undefined>
  /** The next messages. What was shown before is acked by this: whoever asks again has read it. */
  receive(limit: number, wait: WaitOptions): Promise<InboxMessage[]>
  /** Messages that are to be shown now: those of a mode that is at least as urgent. None before this session has joined. */
  takeDueMessages(upTo: DeliveryMode): Promise<InboxMessage[]>
  /** These messages are put before the model with what is answered now: their senders can see that. */
  markShown(messageIds: readonly string[]): Promise<void>
  /** What the session must be told at the next opportunity, once each: a task that was taken from it. */
  takeNotices(): string[]
}
