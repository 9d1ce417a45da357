import type { Agent } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { Input, InputWithoutLeaseToken, LeasedPath, Output, ProcedurePath, Task } from '@tony/mcp-tools/calls'
import {
  type AgentIdentity,
  type AgentProfile,
  type CurrentProfile,
  changesProfile,
  type MessageRenderer,
  type ShowOptions,
  type ToolSession,
  type WaitOptions,
} from '@tony/mcp-tools/tool-session'
import { deliberateEndCodes, errorCodeOf, nonAcknowledgingPaths, rejoinCodes, toolCallsOf } from '../calls.ts'
import { type Clock, raceWithAbort, repeatEvery } from '../clock.ts'
import { Inbox, maxAckPending } from '../messages/inbox.ts'
import { unshownAckWaitMs } from '../messages/message-buffer.ts'
import { watchLeaseEnds } from './lease-end-watcher.ts'
import { Leases } from './leases.ts'
import { type LongPollOptions, longPoll } from './long-poll.ts'
import { type WaitResult, type WaitTarget, waitForWork } from './poll.ts'
import { type BridgeSettings, definedProfileFieldsOf, registerAgent } from './registration.ts'
import type { Slot } from './slots.ts'
import { toToolError } from './tool-error.ts'

/** Heartbeats extend the leases. A killed bridge loses its tasks within the length of a lease. */
const heartbeatMs = 10_000
const toolLeaseMs = 30_000

/** Deadline for each step of leaving, in milliseconds. */
const leaveTimeoutMs = 1_000

/** The calls with a lease that do not end it. */
const leaseKeepingPaths: ReadonlySet<LeasedPath> = new Set(['tasks.progress', 'tasks.lock'])

export interface HostSessionOptions {
  readonly settings: BridgeSettings
  readonly slot: Slot
  /** Name of the workspace, the default for the project. */
  readonly workspace: string
  readonly clock: Clock
  /** Called for each registration. The signal aborts when the agent has ended. */
  readonly onJoined?: (agent: Agent, ended: AbortSignal) => void
}

/**
 * One host session as one agent. It registers on first use, lives as long as the host and keeps
 * every secret. Its heartbeats extend the leases, so a silent model keeps them.
 */
export class HostSession implements ToolSession {
  readonly maxWaitMs: number
  readonly #options: HostSessionOptions
  readonly #leases = new Leases()
  readonly #inbox: Inbox
  readonly #closing = new AbortController()
  readonly #stopHeartbeats: () => void
  #pendingHeartbeat: Promise<void> | undefined
  /** True if the session registers before its first tool call. */
  #started = false
  #profile: AgentProfile = {}
  #agent: Promise<Agent> | undefined
  /** True once the server has ended the agent. */
  #ended = false
  /** Starts to watch the ends of this agent's leases, at its first call. */
  #watchLeaseEnds: () => void = () => undefined

  constructor(options: HostSessionOptions) {
    this.#options = options
    this.maxWaitMs = options.settings.maxWaitMs
    this.#inbox = new Inbox(options.clock)
    this.#stopHeartbeats = repeatEvery(options.clock, heartbeatMs, () => this.#heartbeat())
  }

  /** Registers as soon as possible. Others can then send messages before the model acts. */
  start(): void {
    this.#started = true
    this.#heartbeat()
  }

  async currentAgent(): Promise<AgentIdentity> {
    return this.ensureJoined()
  }

  async ensureJoined(): Promise<AgentIdentity> {
    const { id, name, role } = await this.#ensureJoined()
    return { agentId: id, name, role }
  }

  /** Registers with another profile. The previous incarnation ends, its tasks are requeued. */
  async join(profile: AgentProfile): Promise<AgentIdentity> {
    const before = await this.#agent?.catch(() => undefined)
    if (before && !this.#ended && !changesProfile(profile, this.#currentProfile(before))) return this.ensureJoined()
    const next = { ...this.#profile, ...profile }
    const renamed = before !== undefined && next.name !== undefined && next.name !== before.name
    if (renamed) await before.client.agents.unregister({})
    this.#profile = next
    this.#dropAgent('you joined again with another profile')
    await before?.stop()
    return this.ensureJoined()
  }

  async call<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    if (!nonAcknowledgingPaths.has(path)) await this.#ackShown()
    return this.callForHost(path, input, signal)
  }

  async callForHost<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    try {
      return await this.#callOnce(path, input, signal)
    } catch (error) {
      const code = errorCodeOf(error) ?? ''
      if (deliberateEndCodes.has(code)) this.#ended = true
      if (this.#closing.signal.aborted || !rejoinCodes.has(code)) throw toToolError(error, this.#options.settings.url)
      this.#dropAgent('the server ended this agent, and it was registered again')
      return this.#callOnce(path, input, signal)
    }
  }

  async callWithLease<P extends LeasedPath>(path: P, input: InputWithoutLeaseToken<P>): Promise<Output<P>> {
    const { taskId } = input
    const leaseToken = this.#leases.tokenFor(taskId, path === 'tasks.complete')
    // The compiler cannot see that the token completes the input.
    const output = await this.call(path, { ...input, leaseToken } as unknown as Input<P>).catch((error: unknown) => {
      if (errorCodeOf(error) === 'STALE_LEASE') this.#leases.remove(taskId)
      throw error
    })
    if (path === 'tasks.complete') this.#leases.markCompleted(taskId)
    else if (!leaseKeepingPaths.has(path)) this.#leases.remove(taskId)
    return output
  }

  async claim(wait: WaitOptions): Promise<Task | undefined> {
    await this.#ensureJoined()
    const { signal: interrupted, stopListening } = this.#inbox.interruptOn('turn_end')
    // A message that is here already is shown with the task, or at once if there is none.
    const interruptibleWait = interrupted.aborted
      ? { ...wait, waitMs: 0 }
      : { ...wait, signal: AbortSignal.any([wait.signal, interrupted]) }
    return this.#claimByLongPoll(interruptibleWait, wait.signal)
      .catch((error: unknown) => {
        if (interrupted.aborted && !wait.signal.aborted && interruptibleWait.waitMs > 0) return undefined
        throw error
      })
      .finally(stopListening)
  }

  #claimByLongPoll(wait: WaitOptions, abandoned: AbortSignal): Promise<Task | undefined> {
    // Not earlier: a session that never works costs the server only one open subscription.
    this.#watchLeaseEnds()
    return longPoll(this.#longPollOptions(wait), async (waitMs, signal) => {
      const { tasks } = await this.call('tasks.claim', { leaseMs: toolLeaseMs, waitMs }, signal)
      const [leased] = tasks
      if (!leased) return undefined
      const { leaseToken: _, ...task } = leased
      this.#leases.add(leased)
      if (!abandoned.aborted) return task
      // The caller has given up in the meantime.
      await this.callWithLease('tasks.release', { taskId: task.id })
      return undefined
    })
  }

  async showMessages(options: ShowOptions, renderer: MessageRenderer): Promise<boolean> {
    const { upTo, wait } = options
    if (wait) await raceWithAbort(this.#awaitMessages(upTo, wait), wait.signal)
    const shown = await this.#inbox.show(options, renderer)
    await this.#reportShown(shown)
    return wait ? this.#inbox.hasMore(upTo) : this.#inbox.buffer.peek(upTo).length > 0
  }

  async recordRead(messageId: string, isLastPart: boolean): Promise<void> {
    if (!isLastPart) return this.#inbox.buffer.markPartlyShown(messageId)
    this.#inbox.buffer.markShown(messageId)
    await this.#reportShown([messageId])
  }

  #awaitMessages(upTo: DeliveryMode, wait: WaitOptions): Promise<true | undefined> {
    const receive = () => this.call('messages.receive', { maxAckPending, ackWaitMs: unshownAckWaitMs })
    return longPoll(this.#longPollOptions(wait), async (waitMs, signal) => {
      await this.#ackShown()
      return this.#inbox.awaitMessages(upTo, { waitMs, signal, receive })
    })
  }

  async #reportShown(messageIds: readonly string[]): Promise<void> {
    const agent = messageIds.length === 0 ? undefined : await this.#agent
    if (agent) await this.#inbox.reportShown(agent, messageIds)
  }

  /** Waits until there is a task that this session may claim or a message for it. Takes nothing. */
  async waitForWork(
    { for: kind, type }: { readonly for: WaitTarget; readonly type?: string | undefined },
    ended: AbortSignal,
  ): Promise<WaitResult | undefined> {
    const { client, id: agent } = await this.#ensureJoined()
    if (kind === 'message') return this.#inbox.waitForMessage(type, AbortSignal.any([ended, this.#closing.signal]))
    const timer = this.#options.clock.timer.bind(this.#options.clock)
    return waitForWork(client, { for: kind, agent, type, timer, ended })
  }

  takeNotices(): string[] {
    return this.#leases.takeNotices()
  }

  /** Keeps notices that were not shown for the next output. */
  returnNotices(notices: readonly string[]): void {
    this.#leases.returnNotices(notices)
  }

  /**
   * Ends the session because the host is gone: naks unshown messages, releases the leases and
   * unregisters the agent. Its inbox stays for the same session later.
   */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#stopHeartbeats()
    const agent = await this.#agent?.catch(() => undefined)
    if (agent) await this.#inbox.close(agent, leaveTimeoutMs)
    await agent?.client.agents.unregister({}, { deadlineMs: leaveTimeoutMs }).catch(() => undefined)
    await agent?.stop()
    this.#options.slot.release()
  }

  #currentProfile({ name }: Agent): CurrentProfile {
    const { type, capabilities } = { ...this.#options.settings, ...definedProfileFieldsOf(this.#profile) }
    return { name, type, capabilities }
  }

  #ensureJoined(): Promise<Agent> {
    const { settings, slot, workspace, onJoined } = this.#options
    this.#ended = false
    const ended = new AbortController()
    const onClosed = () => {
      ended.abort()
      this.#ended = true
      this.#leases.markAllLost('the connection of this session was ended')
    }
    this.#agent ??= registerAgent({ settings, profile: this.#profile, slot, workspace, onClosed }).then(
      (agent) => {
        this.#inbox.receiveFrom(agent, ended.signal)
        onJoined?.(agent, ended.signal)
        this.#watchLeaseEnds = () => {
          this.#watchLeaseEnds = () => undefined
          void watchLeaseEnds(agent, this.#leases, this.#options.clock, ended.signal)
        }
        return agent
      },
      (error: unknown) => {
        this.#agent = undefined
        throw error
      },
    )
    return this.#agent
  }

  #dropAgent(reason: string): void {
    this.#leases.markAllLost(reason)
    this.#agent = undefined
  }

  async #callOnce<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    const { client } = await this.#ensureJoined()
    return toolCallsOf(client)(path, input, signal)
  }

  #longPollOptions({ waitMs, signal }: WaitOptions): LongPollOptions {
    return { waitMs, clock: this.#options.clock, signal: AbortSignal.any([signal, this.#closing.signal]) }
  }

  /** Acks the shown messages. A model that calls again has read them. */
  async #ackShown(): Promise<void> {
    const agent = await this.#agent?.catch(() => undefined)
    if (agent) await this.#inbox.ackShown(agent)
  }

  /** Sends one heartbeat at a time. A late list of leases could release newer ones. */
  #heartbeat(): void {
    this.#pendingHeartbeat ??= this.#sendHeartbeat()
      .catch(() => undefined)
      .finally(() => {
        this.#pendingHeartbeat = undefined
      })
  }

  async #sendHeartbeat(): Promise<void> {
    const joining = this.#agent ?? (this.#started ? this.#ensureJoined() : undefined)
    const agent = await joining?.catch(() => undefined)
    if (!agent) return
    // Never repeated: the list of leases would be outdated by then.
    const settings = { deadlineMs: heartbeatMs, once: true }
    const { lost } = await agent.client.agents.heartbeat({ leases: this.#leases.list() }, settings)
    for (const { taskId, reason } of lost)
      this.#leases.markLost(taskId, reason === 'cancelled' ? 'it was cancelled' : 'its lease has ended')
    await this.#inbox.renewAckDeadlines(agent)
  }
}
