import { createHash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { event } from '@tony/mcp-shared/events'
import {
  createTypedCalls,
  type Input,
  type InputWithoutLeaseToken,
  type LeasedPath,
  type Output,
  type ProcedurePath,
  type Task,
} from '@tony/mcp-tools/calls'
import { ToolError } from '@tony/mcp-tools/error-text'
import {
  type AgentIdentity,
  type AgentProfile,
  changesProfile,
  type MessageRenderer,
  type ShowOptions,
  type ToolSession,
  type WaitOptions,
} from '@tony/mcp-tools/tool-session'
import { z } from 'zod'
import { procedures, runCall, runSubscription } from '../../api/pipeline.ts'
import { type SubscriptionItem, toSubscriptionItem } from '../../domain/feed/item.ts'
import type { EventOutput } from '../../domain/feed/page.ts'
import type { Principal } from '../../domain/principal.ts'
import { hasToolSessionEnded, recordToolSessionEnd } from '../../domain/tool-sessions/ended-sessions.ts'
import { findLeaseToken } from '../../domain/tool-sessions/lookups.ts'
import { authenticateCaller } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { isAgentPrincipal, toAgentIdentity } from './agent-principal.ts'
import { type JoinedAgent, loadJoinedAgent, type SessionAddress } from './session-address.ts'
import type { SessionHandle } from './session-handle.ts'
import { ToolMessages } from './tool-messages.ts'

/** Length of a lease for a host, which cannot send heartbeats, in milliseconds: 30 min. */
export const hostLeaseMs = 1_800_000

/** The caller of one HTTP request. */
export interface ToolCaller {
  readonly connection: Connection
  /** The principal of the credential. */
  readonly credential: Principal
  readonly sessionAddress: SessionAddress | undefined
  /** Undefined for a caller that names its session otherwise. */
  readonly handle: SessionHandle | undefined
  /** Longest wait of a tool, in milliseconds. */
  readonly maxWaitMs: number
  /** Aborts when the caller disconnects or the server shuts down. */
  readonly signal: AbortSignal
}

/** The calls that would create something twice if a client sent them twice. */
const creatingPaths: ReadonlySet<ProcedurePath> = new Set(['messages.send', 'tasks.createMany'])

const claimedEventData = z.object({ attempt: z.int() })

/**
 * The tool session of a host over HTTP, for one request. It keeps no state beyond the request: its
 * agent, its lease and the messages it has shown are read from the store each time, so they are the
 * same on every replica and after every restart.
 */
export class HttpToolSession implements ToolSession {
  readonly maxWaitMs: number
  readonly #caller: ToolCaller
  #joined: Promise<JoinedAgent | 'over' | undefined> | undefined
  readonly #messages: ToolMessages

  constructor(caller: ToolCaller) {
    this.#caller = caller
    this.maxWaitMs = caller.maxWaitMs
    this.#messages = new ToolMessages(caller.connection.services, (path, input, signal) =>
      this.call(path, input, signal),
    )
  }

  /** Name of the host; undefined if its session began without one. */
  get hostName(): string | undefined {
    return this.#caller.sessionAddress?.hostName
  }

  get caller(): ToolCaller {
    return this.#caller
  }

  get handle(): SessionHandle | undefined {
    return this.#caller.handle
  }

  /** Throws NOT_FOUND if the host has ended this session. */
  async requireOpen(): Promise<void> {
    const { credential, sessionAddress } = this.#caller
    if (isAgentPrincipal(credential) || !sessionAddress?.endsWithSession) return
    const joined = await this.#joinedAgent()
    if (joined !== undefined && joined !== 'over') return
    if (await hasToolSessionEnded(this.#caller.connection.services.store, this.#sessionKeyOf(sessionAddress)))
      throw new CoordinationError('NOT_FOUND', 'this session has ended: begin a new one with initialize')
  }

  async currentAgent(): Promise<AgentIdentity | undefined> {
    const principal = await this.#principal()
    return isAgentPrincipal(principal) ? toAgentIdentity(principal) : undefined
  }

  async ensureJoined(): Promise<AgentIdentity> {
    return (await this.currentAgent()) ?? this.join({})
  }

  /** Joins the fleet. A caller with an agent's own token keeps that agent's profile. */
  async join(profile: AgentProfile): Promise<AgentIdentity> {
    const { credential, sessionAddress } = this.#caller
    if (isAgentPrincipal(credential)) return toAgentIdentity(credential)
    if (!sessionAddress) throw new ToolError('NO_SESSION', 'this call has no session, or an unknown one')
    const joined = await this.#joinedAgent()
    const current = joined === 'over' ? undefined : joined
    const principal = current?.principal
    if (
      principal &&
      isAgentPrincipal(principal) &&
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

  async call<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    return this.#callAs(await this.#principal(), path, this.#onceAMinute(path, input), signal)
  }

  callForHost<P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    return this.call(path, input, signal)
  }

  /**
   * Gives a call that creates something a key of its content and of the minute. Some clients send a
   * call again after a lost connection, under another id.
   */
  #onceAMinute<P extends ProcedurePath>(path: P, input: Input<P>): Input<P> {
    if (!creatingPaths.has(path)) return input
    const { services } = this.#caller.connection
    const content = JSON.stringify([path, input, Math.floor(services.clock.wall() / 60_000)])
    return { ...input, idempotencyKey: createHash('sha256').update(content).digest('base64url') }
  }

  /** Opens the feed as this caller, until it disconnects or the server shuts down. */
  async *subscribeToEvents(rawInput: unknown): AsyncGenerator<SubscriptionItem<EventOutput>> {
    const { connection, signal } = this.#caller
    const caller: Connection = { ...connection, identity: { ok: true, principal: await this.#principal() } }
    const call = { connection: caller, requestId: uuidv7(), path: 'events.subscribe', rawInput, signal }
    for await (const chunk of runSubscription({ ...call, kind: 'subscription' })) {
      // The stream outlives tokens and incarnations.
      authenticateCaller(caller)
      for (const item of chunk) yield toSubscriptionItem(event.parse(item.data), item.id)
    }
  }

  async callWithLease<P extends LeasedPath>(path: P, input: InputWithoutLeaseToken<P>): Promise<Output<P>> {
    const { taskId } = input
    const { agentId } = await this.ensureJoined()
    const { project } = await this.#principal()
    const { store } = this.#caller.connection.services
    const [row] = await store.read((reader) => reader.run(findLeaseToken, { project, taskId, agentId }))
    const leaseToken =
      row?.leaseToken ?? (path === 'tasks.complete' ? await this.#expiredLeaseToken(taskId, agentId) : undefined)
    if (leaseToken === undefined) throw new ToolError('STALE_LEASE', `you do not hold task ${taskId}`)
    // The compiler cannot see that `leaseToken` is the field that `InputWithoutLeaseToken` omits.
    return this.call(path, { ...input, leaseToken } as unknown as Input<P>)
  }

  async claim({ waitMs, signal }: WaitOptions): Promise<Task | undefined> {
    const { agentId } = await this.ensureJoined()
    // A due message is shown with the task, or at once if there is no task.
    const { signal: interrupted, end } = await this.#messages.interruptOnMessage(agentId)
    const wait = interrupted.aborted ? 0 : waitMs
    const combined = interrupted.aborted ? signal : AbortSignal.any([signal, interrupted])
    const { tasks } = await this.call('tasks.claim', { leaseMs: hostLeaseMs, waitMs: wait }, combined)
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

  async showMessages(options: ShowOptions, renderer: MessageRenderer): Promise<boolean> {
    if (options.wait) await this.ensureJoined()
    const identity = await this.currentAgent()
    return identity ? this.#messages.show(identity.agentId, options, renderer) : false
  }

  async recordRead(messageId: string, isLastPart: boolean): Promise<void> {
    const { agentId } = await this.ensureJoined()
    await this.#messages.recordRead({ agentId, messageId, isLastPart })
  }

  takeNotices(): string[] {
    return []
  }

  /** Ends the host session and unregisters its agent. A named agent stays for other sessions. */
  async leave(): Promise<void> {
    const { credential, sessionAddress } = this.#caller
    if (isAgentPrincipal(credential) || !sessionAddress?.endsWithSession) return
    const joined = await this.#joinedAgent()
    if (joined && joined !== 'over') await this.#callAs(joined.principal, 'agents.unregister', {})
    await recordToolSessionEnd(this.#caller.connection.services.store, this.#sessionKeyOf(sessionAddress))
  }

  /** Returns this caller in another project, which only a developer in dev mode can choose. */
  inProject(project: string): HttpToolSession {
    const { credential } = this.#caller
    if (isAgentPrincipal(credential) || credential.key || project === credential.project) return this
    return new HttpToolSession({ ...this.#caller, credential: { ...credential, project } })
  }

  /**
   * Calls as the credential itself, regardless of the agent that has joined with it. A developer in
   * dev mode acts as admin, because it owns the machine and its projects: older programs create
   * their projects at the start, and no one else could.
   */
  callAsOwner<P extends ProcedurePath>(path: P, input: Input<P>): Promise<Output<P>> {
    const { credential } = this.#caller
    const isOwner = !(isAgentPrincipal(credential) || credential.key)
    return this.#callAs(isOwner ? { ...credential, role: 'admin' } : credential, path, input)
  }

  /**
   * Returns the token of an ended lease, if the agent had one. A result that comes too late is
   * still refused, but it is kept as an orphan result.
   */
  async #expiredLeaseToken(taskId: string, agentId: string): Promise<string | undefined> {
    const { events } = await this.call('events.list', { types: ['task.claimed'], taskId, agentId, limit: 1_000 })
    const attempt = claimedEventData.safeParse(events.at(-1)?.data).data?.attempt
    const { leaseTokens } = this.#caller.connection.services
    return attempt === undefined ? undefined : leaseTokens.issueToken({ taskId, agentId }, attempt)
  }

  #sessionKeyOf({ instance }: SessionAddress) {
    const { connection, credential } = this.#caller
    const instanceHash = connection.services.identity.pepper.hash('instance', instance)
    return { project: credential.project, instanceHash }
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
    if (isAgentPrincipal(credential)) return credential
    const joined = await this.#joinedAgent()
    // The session was ended on purpose, so it must not rejoin automatically.
    if (joined === 'over')
      throw new CoordinationError('TOKEN_REVOKED', 'this session was ended by agents.unregister or auth.revoke')
    return joined?.principal ?? credential
  }

  #callAs<P extends ProcedurePath>(
    principal: Principal,
    path: P,
    input: Input<P>,
    signal?: AbortSignal,
  ): Promise<Output<P>> {
    const connection: Connection = { ...this.#caller.connection, identity: { ok: true, principal } }
    const typed = createTypedCalls((calledPath, rawInput, callSignal) => {
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
