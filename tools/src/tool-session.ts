import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Input, InputWithoutLeaseToken, LeasedPath, Output, ProcedurePath, Task } from './calls.ts'

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

const haveSameStrings = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted())

/**
 * True if joining would change the current profile. If not, joining again must not cost the session
 * its leases.
 */
export const changesProfile = ({ name, type, role, capabilities }: AgentProfile, current: CurrentProfile): boolean =>
  role !== undefined ||
  (name !== undefined && name !== current.name) ||
  (type !== undefined && type !== current.type) ||
  (capabilities !== undefined && !haveSameStrings(capabilities, current.capabilities))

/** Options of a call that waits. */
export interface WaitOptions {
  /** Longest wait, in milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** The extent to which a message is in an output: its beginning is in it, or none of it. */
export type ShownExtent = 'whole' | 'part' | 'none'

/** Puts messages into one output, as far as its budget reaches. */
export interface MessageRenderer {
  /** Loads the names of the senders. */
  prepare(messages: readonly InboxMessage[]): Promise<void>
  /** Adds a prepared message to the output. No other follows one that is not shown whole. */
  show(message: InboxMessage): ShownExtent
  /** The largest payload that certainly fits, in bytes; undefined if each one fits in part. */
  readonly payloadBytes: number | undefined
}

export interface ShowOptions {
  /** The least urgent delivery mode to show. */
  readonly upTo: DeliveryMode
  /** Maximum number of messages. */
  readonly limit: number
  /** Asks the server for messages, and waits for the first one. Default: no call, no wait. */
  readonly wait?: WaitOptions
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
  call<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>>
  /** Calls for the program of the host. No message counts as read, because no model has called. */
  callForHost<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>>
  /**
   * Calls with this session's lease of the task. Throws an error with the code STALE_LEASE if it
   * has none.
   */
  callWithLease<P extends LeasedPath>(path: P, input: InputWithoutLeaseToken<P>): Promise<Output<P>>
  /**
   * Claims the next task. Returns undefined if none came in time. A message that may be shown at
   * the end of a turn ends the wait.
   */
  claim(wait: WaitOptions): Promise<Task | undefined>
  /**
   * Shows the next messages, in order, and returns true if more may be ready. Messages that are
   * shown whole are reported as shown. The next `call` of the session acks them, because a model
   * that calls again has read them. Messages that are cut short stay for a later call. A session
   * that has not joined is shown nothing; with `wait` it joins first.
   */
  showMessages(options: ShowOptions, renderer: MessageRenderer): Promise<boolean>
  /**
   * Records that the model has read a part of a message by its offset. After the last part the
   * message counts as shown.
   */
  recordRead(messageId: string, isLastPart: boolean): Promise<void>
  /** Takes the notices for the model, each one once: for example that it has lost a task. */
  takeNotices(): string[]
}
