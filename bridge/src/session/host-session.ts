import { setImmediate } from 'node:timers/promises'
import { type Agent, TonyError } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Input, LeasedPath, Output, Path, Task, WithoutLease } from '@tony/mcp-tools/calls'
import { ToolError } from '@tony/mcp-tools/error-text'
import {
  type AgentIdentity,
  type AgentProfile,
  type CurrentProfile,
  changesProfile,
  type ToolSession,
  type WaitOptions,
} from '@tony/mcp-tools/tool-session'
import { callsOf, codeOf, deliberateEndCodes, nonAcknowledgingPaths, rejoinCodes } from '../calls.ts'
import { type Clock, every } from '../clock.ts'
import { Inbox, maxAckPending, maxMessagesShown } from '../messages/inbox.ts'
import { unshownAckWaitMs } from '../messages/message-buffer.ts'
import { watchLeaseEnds } from './lease-end-watcher.ts'
import { Leases } from './leases.ts'
import { type LongPollOptions, longPoll } from './long-poll.ts'
import { type WaitResult, type WaitTarget, waitForWork } from './poll.ts'
import { register, type Settings } from './registration.ts'
import type { Slot } from './slots.ts'

/** Between heartbeats, and how long a lease lasts without: a bridge that is killed gives its tasks back within that. */
const heartbeatMs = 10_000
const leaseMs = 30_000

/** How long leaving may take at each of its steps, in milliseconds. */
const leaveTimeoutMs = 1_000

/** A profile without what it leaves open. */
function definedFields({ type, capabilities }: AgentProfile): { type?: string; capabilities?: readonly string[] } {
  return { ...(type === undefined ? {} : { type }), ...(capabilities === undefined ? {} : { capabilities }) }
}

export interface HostSessionOptions {
  readonly settings: Settings
  readonly slot: Slot
  /** The name of the workspace, for the project. */
  readonly workspace: string
  readonly clock: Clock
}

/**
 * One host session as one agent: registered when it is first needed, alive while the host is, and the holder of every secret.
 * The model's silence costs it nothing: heartbeats list what it holds.
 */
export class HostSession implements ToolSession {
  readonly maxWaitMs: number
  readonly #options: HostSessionOptions
  readonly #leases = new Leases()
  readonly #inbox: Inbox
  readonly #closing = new AbortController()
  readonly #stopHeartbeats: () => void
  #pendingHeartbeat: Promise<void> | undefined
  /** Whether this session is an agent before a tool is called. */
  #started = false
  #profile: AgentProfile = {}
  #agent: Promise<Agent> | undefined
  /** Whether the server has ended the agent. */
  #ended = false
  /** Begins to follow the ends of this agent's leases, the first time it is called. */
  #watchLeaseEnds: () => void = () => undefined

  constructor(options: HostSessionOptions) {
    this.#options = options
    this.maxWaitMs = options.settings.maxWaitMs
    this.#inbox = new Inbox(options.clock)
    this.#stopHeartbeats = every(options.clock, heartbeatMs, () => this.#heartbeat())
  }

  /** Joins now, and as soon as there is a server where there is none: others can see it and write to it before its model acts. */
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

  /** Anew as something else: the incarnation before ends, and what it held goes back to the queue. */
  async join(profile: AgentProfile): Promise<AgentIdentity> {
    const before = await this.#agent?.catch(() => undefined)
    if (before && !this.#ended && !changesProfile(profile, this.#currentProfile(before))) return this.ensureJoined()
    const wanted = { ...this.#profile, ...profile }
    const renamed = before !== undefined && wanted.name !== undefined && wanted.name !== before.name
    if (renamed) await before.client.agents.unregister({})
    this.#profile = wanted
    this.#dropAgent('you joined anew')
    await before?.stop()
    return this.ensureJoined()
  }

  async call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    if (!nonAcknowledgingPaths.has(path)) await this.#ackShown()
    try {
      return await this.#callOnce(path, input, signal)
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (deliberateEndCodes.has(code)) this.#ended = true
      if (this.#closing.signal.aborted || !rejoinCodes.has(code)) throw this.#toSeatError(error)
      this.#dropAgent('the server no longer knew this session')
      return this.#callOnce(path, input, signal)
    }
  }

  async callWithLease<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>> {
    const { taskId } = input
    const leaseToken = this.#leases.tokenFor(taskId, path === 'tasks.complete')
    // The compiler does not see that what was left out of the input is what is added to it.
    const output = await this.call(path, { ...input, leaseToken } as unknown as Input<P>).catch((error: unknown) => {
      if (codeOf(error) === 'STALE_LEASE') this.#leases.remove(taskId)
      throw error
    })
    if (path !== 'tasks.progress') this.#leases.remove(taskId)
    return output
  }

  async claim(wait: WaitOptions): Promise<Task | undefined> {
    await this.#ensureJoined()
    const { signal: interrupted, leave } = this.#inbox.interruptOn('turnEnd')
    // What is there is shown with a task, or at once when there is none.
    const interruptibleWait = interrupted.aborted
      ? { ...wait, waitMs: 0 }
      : { ...wait, signal: AbortSignal.any([wait.signal, interrupted]) }
    return this.#claimByLongPoll(interruptibleWait, wait.signal)
      .catch((error: unknown) => {
        if (interrupted.aborted && !wait.signal.aborted && interruptibleWait.waitMs > 0) return undefined
        throw error
      })
      .finally(leave)
  }

  #claimByLongPoll(wait: WaitOptions, abandoned: AbortSignal): Promise<Task | undefined> {
    // Not before it is needed: a session that never works is one open wait to the server.
    this.#watchLeaseEnds()
    return longPoll(this.#longPollOptions(wait), async (waitMs, signal) => {
      const { tasks } = await this.call('tasks.claim', { leaseMs, waitMs }, signal)
      const [leased] = tasks
      if (!leased) return undefined
      const { leaseToken: _, ...task } = leased
      this.#leases.add(leased)
      if (!abandoned.aborted) return task
      // Nobody waits for it any more.
      await this.callWithLease('tasks.release', { taskId: task.id })
      return undefined
    })
  }

  async receive(limit: number, wait: WaitOptions): Promise<InboxMessage[]> {
    const messages = await longPoll(this.#longPollOptions(wait), async (waitMs, signal) => {
      const available = await this.fetchMessages(limit, 'digest', signal)
      if (available.length > 0 || waitMs === 0) return available
      const next = () => {
        const arrived = this.#inbox.buffer.takeNext(limit, 'digest')
        return arrived.length === 0 ? undefined : arrived
      }
      return this.#inbox.waitUntil(next, waitMs, signal)
    })
    return messages ?? []
  }

  /** What may be shown now; the server is asked where nothing has come by itself. */
  async fetchMessages(limit: number, leastUrgentMode: DeliveryMode, abandoned?: AbortSignal): Promise<InboxMessage[]> {
    const { buffer } = this.#inbox
    if (buffer.peek(leastUrgentMode).length > 0) await this.#ackShown()
    else {
      buffer.add((await this.call('messages.receive', { maxAckPending, ackWaitMs: unshownAckWaitMs })).messages)
      // What the inbox was handed just before is on its way here: it is let in first.
      await setImmediate()
    }
    // What is taken for nobody would count as shown, and be acked.
    return abandoned?.aborted ? [] : buffer.takeNext(limit, leastUrgentMode)
  }

  async takeDueMessages(upTo: DeliveryMode): Promise<InboxMessage[]> {
    return this.#inbox.buffer.takeNext(maxMessagesShown, upTo)
  }

  async markShown(messageIds: readonly string[]): Promise<void> {
    const agent = messageIds.length === 0 ? undefined : await this.#agent
    if (agent) await this.#inbox.reportShown(agent, messageIds)
  }

  /** Waits until there is a task this session may take, or a message for it, and takes nothing. */
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
    return this.#leases.notices()
  }

  /** The host is gone: what is held goes back at once, and the agent with it. Its mailbox stays, for the same session later. */
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
    const { type, capabilities } = { ...this.#options.settings, ...definedFields(this.#profile) }
    return { name, type, capabilities }
  }

  #ensureJoined(): Promise<Agent> {
    const { settings, slot, workspace } = this.#options
    this.#ended = false
    const ended = new AbortController()
    const onClosed = () => {
      ended.abort()
      this.#ended = true
      this.#leases.markAllLost('the connection of this session was ended')
    }
    this.#agent ??= register({ settings, profile: this.#profile, slot, workspace, onClosed }).then(
      (agent) => {
        this.#inbox.receiveInto(agent, ended.signal)
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

  async #callOnce<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    const { client } = await this.#ensureJoined()
    return callsOf(client)(path, input, signal)
  }

  #toSeatError(error: unknown): unknown {
    if (codeOf(error) !== 'DEADLINE_EXCEEDED' || !(error instanceof TonyError) || error.applied === 'unknown')
      return error
    return new ToolError('SERVER_UNREACHABLE', `no server answers at ${this.#options.settings.url}`)
  }

  #longPollOptions({ waitMs, signal }: WaitOptions): LongPollOptions {
    return { waitMs, clock: this.#options.clock, signal: AbortSignal.any([signal, this.#closing.signal]) }
  }

  /** What was shown is read: whoever calls again has seen it. */
  async #ackShown(): Promise<void> {
    const agent = await this.#agent?.catch(() => undefined)
    if (agent) await this.#inbox.ackShown(agent)
  }

  /** One at a time: a list of before that comes late would let go of what was claimed since. */
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
    // Never sent again by itself: by then the list would be one of before.
    const settings = { deadlineMs: heartbeatMs, once: true }
    const { lost } = await agent.client.agents.heartbeat({ leases: this.#leases.list() }, settings)
    for (const { taskId, reason } of lost)
      this.#leases.markLost(taskId, reason === 'cancelled' ? 'it was cancelled' : 'its lease is over')
    await this.#inbox.renewAckDeadlines(agent)
  }
}
