import { CoordinationError } from '@tony/mcp-shared/errors'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import {
  type InboxMessage,
  type Input,
  type LeasedPath,
  type Output,
  type Path,
  type Task,
  typedCalls,
  type WithoutLease,
} from '@tony/mcp-tools/calls'
import { ToolError } from '@tony/mcp-tools/error-text'
import {
  type AgentIdentity,
  type AgentProfile,
  changesProfile,
  type ToolSession,
  type WaitOptions,
} from '@tony/mcp-tools/tool-session'
import { uuidv7 } from 'uuidv7'
import { z } from 'zod'
import { procedures, runCall } from '../../api/pipeline.ts'
import type { Principal } from '../../domain/principal.ts'
import { findLeaseToken, findReceipts } from '../../domain/tool-sessions/lookups.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { Notifier } from '../../platform/notifier.ts'
import { type JoinedAgent, loadJoinedAgent, type SessionAddress } from './session-address.ts'

/** How long a task is kept for a host that cannot send heartbeats, in milliseconds: 30 min. */
export const leaseMs = 1_800_000

/** The longest a tool waits, in milliseconds: hosts and proxies give up after a minute. */
const maxWaitMs = 50_000

/** So many messages are shown beside a result. */
const maxMessagesPerResult = 10

/** How long a message that was shown waits before it comes again, in milliseconds. */
const ackWaitMs = 600_000

/** One HTTP request's caller. */
export interface ToolCaller {
  readonly connection: Connection
  /** Who the credential is. */
  readonly credential: Principal
  readonly sessionAddress: SessionAddress | undefined
  /** Aborted when the caller has gone, or the server is to end. */
  readonly signal: AbortSignal
}

const claimedEventData = z.object({ attempt: z.int() })

const isAgent = (principal: Principal): principal is Principal & { agent: NonNullable<Principal['agent']> } =>
  principal.agent !== undefined

const toAgentIdentity = ({ agent, role }: Principal & { agent: NonNullable<Principal['agent']> }): AgentIdentity => ({
  agentId: agent.id,
  name: agent.name,
  role,
})

/**
 * The seat of a host over HTTP, for one request: nothing of it outlives that. Who sits there, which lease it holds and which
 * messages it was shown is read from the store each time, so it is the same on every replica and after every restart.
 */
export class HttpToolSession implements ToolSession {
  readonly maxWaitMs = maxWaitMs
  readonly #caller: ToolCaller
  #joined: Promise<JoinedAgent | 'over' | undefined> | undefined
  /** What was taken for this request and is to be shown with its answer. */
  #pendingMessages: readonly InboxMessage[] = []
  readonly #receipts = new Map<string, string>()
  #acknowledged = false

  constructor(caller: ToolCaller) {
    this.#caller = caller
  }

  async currentAgent(): Promise<AgentIdentity | undefined> {
    const principal = await this.#principal()
    return isAgent(principal) ? toAgentIdentity(principal) : undefined
  }

  async ensureJoined(): Promise<AgentIdentity> {
    return (await this.currentAgent()) ?? this.join({})
  }

  /** An agent by its own token stays what it is. */
  async join(profile: AgentProfile): Promise<AgentIdentity> {
    const { credential, sessionAddress } = this.#caller
    if (isAgent(credential)) return toAgentIdentity(credential)
    if (!sessionAddress) throw new ToolError('NO_SESSION', 'this host does not say which session this is')
    const joined = await this.#joinedAgent()
    const current = joined === 'over' ? undefined : joined
    const principal = current?.principal
    if (
      principal &&
      isAgent(principal) &&
      !changesProfile(profile, { ...principal, name: principal.agent.name, type: current.type })
    )
      return toAgentIdentity(principal)
    const name = profile.name ?? principal?.agent?.name ?? sessionAddress.name
    if (principal && principal.agent?.name !== name) await this.#callAs(principal, 'agents.unregister', {})
    const registered = await this.#callAs(credential, 'agents.register', {
      name,
      type: profile.type ?? current?.type ?? 'implementation',
      capabilities: [...(profile.capabilities ?? principal?.capabilities ?? [])],
      clientInstanceId: sessionAddress.instance,
      metadata: { over: 'mcp' },
      ...(profile.role === undefined ? {} : { role: profile.role }),
    })
    this.#joined = undefined
    return { agentId: registered.agentId, name, role: registered.role }
  }

  async call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    return this.#callAs(await this.#principal(), path, input, signal)
  }

  async callWithLease<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>> {
    const { taskId } = input
    const { agentId } = await this.ensureJoined()
    const { project } = await this.#principal()
    const { store } = this.#caller.connection.services
    const [row] = await store.read((reader) => reader.run(findLeaseToken, { project, taskId, agentId }))
    const leaseToken =
      row?.leaseToken ?? (path === 'tasks.complete' ? await this.#expiredLeaseToken(taskId, agentId) : undefined)
    if (leaseToken === undefined) throw new ToolError('STALE_LEASE', `you do not hold task ${taskId}`)
    // The compiler does not see that what was left out of the input is what is added to it.
    return this.call(path, { ...input, leaseToken } as unknown as Input<P>)
  }

  async claim({ waitMs, signal }: WaitOptions): Promise<Task | undefined> {
    const { agentId } = await this.ensureJoined()
    await this.#ackShownMessages()
    // What waits to be shown is shown with a task, or at once when there is none.
    this.#pendingMessages = await this.#receiveMessages('turnEnd', maxMessagesPerResult)
    const { signal: interrupted, end } = this.#interruptOnMessage(agentId)
    const wait = this.#pendingMessages.length > 0 ? 0 : waitMs
    const { tasks } = await this.call('tasks.claim', { leaseMs, waitMs: wait }, AbortSignal.any([signal, interrupted]))
      .catch((error: unknown) => {
        if (interrupted.aborted && !signal.aborted) return { tasks: [] }
        throw error
      })
      .finally(end)
    const [leased] = tasks
    if (!leased) return undefined
    const { leaseToken: _, ...task } = leased
    return task
  }

  async receive(limit: number, { waitMs, signal }: WaitOptions): Promise<InboxMessage[]> {
    await this.ensureJoined()
    await this.#ackShownMessages()
    return this.#receiveMessages('digest', limit, { waitMs, signal })
  }

  async takeDueMessages(upTo: DeliveryMode): Promise<InboxMessage[]> {
    if (!(await this.currentAgent())) return []
    await this.#ackShownMessages()
    const ready = this.#pendingMessages
    this.#pendingMessages = []
    return [...ready, ...(await this.#receiveMessages(upTo, maxMessagesPerResult - ready.length))]
  }

  async markShown(messageIds: readonly string[]): Promise<void> {
    const receipts = messageIds.flatMap((messageId) => {
      const receipt = this.#receipts.get(messageId)
      return receipt === undefined ? [] : [{ messageId, receipt }]
    })
    await Promise.allSettled(
      receipts.map((receipt) => this.call('messages.inProgress', { ...receipt, ackWaitMs, shown: true })),
    )
  }

  takeNotices(): string[] {
    return []
  }

  /** The host has ended its session: what is held goes back at once. A named agent may have others, and stays. */
  async leave(): Promise<void> {
    const { credential, sessionAddress } = this.#caller
    const joined = isAgent(credential) || !sessionAddress?.endsWithSession ? undefined : await this.#joinedAgent()
    if (joined && joined !== 'over') await this.#callAs(joined.principal, 'agents.unregister', {})
  }

  /** The same caller in another project, where it may choose one: only a developer in dev mode does. */
  inProject(project: string): HttpToolSession {
    const { credential } = this.#caller
    if (isAgent(credential) || credential.key || project === credential.project) return this
    return new HttpToolSession({ ...this.#caller, credential: { ...credential, project } })
  }

  /**
   * As the credential itself, whoever has joined with it. A developer in dev mode owns the machine and so its projects: programs
   * from before create theirs at the start, and there is nobody else to do it.
   */
  callAsOwner<P extends Path>(path: P, input: Input<P>): Promise<Output<P>> {
    const { credential } = this.#caller
    const isOwner = !(isAgent(credential) || credential.key)
    return this.#callAs(isOwner ? { ...credential, role: 'admin' } : credential, path, input)
  }

  /** A signal for a wait that a message ends, which is taken then. Call `end` after the wait. */
  #interruptOnMessage(agentId: string): { readonly signal: AbortSignal; readonly end: () => Promise<void> } {
    const interrupted = new AbortController()
    const notifier = new Notifier()
    let isOver = false
    const unwatch = this.#caller.connection.services.waiters.inboxes.watch(agentId, (reason) => {
      if (reason === 'message') notifier.notify()
    })
    const poll = async (): Promise<void> => {
      while (!(isOver || interrupted.signal.aborted)) {
        await notifier.wait()
        // It may be one that is not shown yet: on PostgreSQL that is heard of each second.
        if (!isOver) this.#pendingMessages = await this.#receiveMessages('turnEnd', maxMessagesPerResult)
        if (this.#pendingMessages.length > 0) interrupted.abort()
      }
    }
    const polling = poll().catch(() => undefined)
    const end = (): Promise<void> => {
      isOver = true
      unwatch()
      notifier.notify()
      return polling
    }
    return { signal: interrupted.signal, end }
  }

  /** Takes messages that are at least as urgent, and keeps their receipts for as long as this request. */
  async #receiveMessages(upTo: DeliveryMode, limit: number, wait?: WaitOptions): Promise<InboxMessage[]> {
    if (limit < 1) return []
    const { waitMs = 0, signal } = wait ?? {}
    const { messages } = await this.call('messages.receive', { limit, waitMs, upTo, ackWaitMs }, signal)
    return messages.map(({ receipt, ...message }) => {
      this.#receipts.set(message.id, receipt)
      return message
    })
  }

  /** What was shown before this request is read: whoever calls again has seen it. */
  async #ackShownMessages(): Promise<void> {
    const identity = this.#acknowledged ? undefined : await this.currentAgent()
    if (!identity) return
    this.#acknowledged = true
    const { agentId } = identity
    const rows = await this.#caller.connection.services.store.read((reader) => reader.run(findReceipts, { agentId }))
    const acks = rows.flatMap(({ messageId, receipt }) => (receipt === null ? [] : [{ messageId, receipt }]))
    if (acks.length > 0) await this.call('messages.ack', { acks })
  }

  /**
   * Proof of a lease that is over, where the agent had one: a result that comes too late is refused all the same, and kept for
   * whoever may want it.
   */
  async #expiredLeaseToken(taskId: string, agentId: string): Promise<string | undefined> {
    const { events } = await this.call('events.list', { types: ['task.claimed'], taskId, agentId, limit: 1_000 })
    const attempt = claimedEventData.safeParse(events.at(-1)?.data).data?.attempt
    const { leaseTokens } = this.#caller.connection.services
    return attempt === undefined ? undefined : leaseTokens.mint({ taskId, agentId }, attempt)
  }

  #joinedAgent(): Promise<JoinedAgent | 'over' | undefined> {
    const { connection, credential, sessionAddress } = this.#caller
    this.#joined ??= sessionAddress
      ? loadJoinedAgent(connection.services, credential, sessionAddress)
      : Promise.resolve(undefined)
    return this.#joined
  }

  async #principal(): Promise<Principal> {
    const { credential } = this.#caller
    if (isAgent(credential)) return credential
    const joined = await this.#joinedAgent()
    // Somebody has ended it: it must not come back by itself.
    if (joined === 'over') throw new CoordinationError('TOKEN_REVOKED', 'this session has been ended')
    return joined?.principal ?? credential
  }

  #callAs<P extends Path>(principal: Principal, path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    const connection: Connection = { ...this.#caller.connection, identity: { ok: true, principal } }
    const typed = typedCalls((calledPath, rawInput, callSignal) => {
      const kind = procedures.get(calledPath)?.kind ?? 'query'
      const callerSignal = this.#caller.signal
      const combinedSignal = callSignal ? AbortSignal.any([callerSignal, callSignal]) : callerSignal
      const call = { connection, requestId: uuidv7(), path: calledPath, kind, rawInput, signal: combinedSignal }
      return runCall(call).catch((error: unknown) => {
        throw toCoordinationError(error)
      })
    })
    return typed(path, input, signal)
  }
}
