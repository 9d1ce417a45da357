import { CoordinationError } from '@tony/mcp-shared/errors'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import {
  type Input,
  type LeasedPath,
  type Mail,
  type Output,
  type Path,
  type Task,
  typedCalls,
  type WithoutLease,
} from '@tony/mcp-tools/calls'
import { SeatError } from '@tony/mcp-tools/refusals'
import { isChange, type Me, type Profile, type Seat, type Wait } from '@tony/mcp-tools/seat'
import { uuidv7 } from 'uuidv7'
import { z } from 'zod'
import { procedures, runCall } from '../../api/pipeline.ts'
import type { Principal } from '../../domain/principal.ts'
import { findLeaseToken, findReceipts } from '../../domain/tool-sessions/lookups.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { Bell } from '../../platform/notifier.ts'
import { type Place, principalAt, type Seated } from './session-address.ts'

/** How long a task is kept for a host that cannot send heartbeats, in milliseconds: 30 min. */
export const leaseMs = 1_800_000

/** The longest a tool waits, in milliseconds: hosts and proxies give up after a minute. */
const maxWaitMs = 50_000

/** So many messages are shown beside a result. */
const dueAtOnce = 10

/** How long a message that was shown waits before it comes again, in milliseconds. */
const ackWaitMs = 600_000

/** One HTTP request's caller. */
export interface Caller {
  readonly connection: Connection
  /** Who the credential is. */
  readonly credential: Principal
  readonly place: Place | undefined
  /** Aborted when the caller has gone, or the server is to end. */
  readonly signal: AbortSignal
}

const claimed = z.object({ attempt: z.int() })

const isAgent = (principal: Principal): principal is Principal & { agent: NonNullable<Principal['agent']> } =>
  principal.agent !== undefined

const meOf = ({ agent, role }: Principal & { agent: NonNullable<Principal['agent']> }): Me => ({
  agentId: agent.id,
  name: agent.name,
  role,
})

/**
 * The seat of a host over HTTP, for one request: nothing of it outlives that. Who sits there, which lease it holds and which
 * messages it was shown is read from the store each time, so it is the same on every replica and after every restart.
 */
export class HttpSeat implements Seat {
  readonly maxWaitMs = maxWaitMs
  readonly #caller: Caller
  #seated: Promise<Seated | 'over' | undefined> | undefined
  /** What was taken for this request and is to be shown with its answer. */
  #ready: readonly Mail[] = []
  readonly #receipts = new Map<string, string>()
  #acknowledged = false

  constructor(caller: Caller) {
    this.#caller = caller
  }

  async known(): Promise<Me | undefined> {
    const principal = await this.#principal()
    return isAgent(principal) ? meOf(principal) : undefined
  }

  async me(): Promise<Me> {
    return (await this.known()) ?? this.join({})
  }

  /** An agent by its own token stays what it is. */
  async join(profile: Profile): Promise<Me> {
    const { credential, place } = this.#caller
    if (isAgent(credential)) return meOf(credential)
    if (!place) throw new SeatError('NO_SESSION', 'this host does not say which session this is')
    const sitting = await this.#whoSits()
    const before = sitting === 'over' ? undefined : sitting
    const known = before?.principal
    if (known && isAgent(known) && !isChange(profile, { ...known, name: known.agent.name, type: before.type }))
      return meOf(known)
    const name = profile.name ?? known?.agent?.name ?? place.name
    if (known && known.agent?.name !== name) await this.#as(known, 'agents.unregister', {})
    const joined = await this.#as(credential, 'agents.register', {
      name,
      type: profile.type ?? before?.type ?? 'implementation',
      capabilities: [...(profile.capabilities ?? known?.capabilities ?? [])],
      clientInstanceId: place.instance,
      metadata: { over: 'mcp' },
      ...(profile.role === undefined ? {} : { role: profile.role }),
    })
    this.#seated = undefined
    return { agentId: joined.agentId, name, role: joined.role }
  }

  async call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    return this.#as(await this.#principal(), path, input, signal)
  }

  async callHeld<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>> {
    const { taskId } = input
    const { agentId } = await this.me()
    const { project } = await this.#principal()
    const { store } = this.#caller.connection.parts
    const [row] = await store.read((reader) => reader.run(findLeaseToken, { project, taskId, agentId }))
    const leaseToken =
      row?.leaseToken ?? (path === 'tasks.complete' ? await this.#lateToken(taskId, agentId) : undefined)
    if (leaseToken === undefined) throw new SeatError('STALE_LEASE', `you do not hold task ${taskId}`)
    // The compiler does not see that what was left out of the input is what is added to it.
    return this.call(path, { ...input, leaseToken } as unknown as Input<P>)
  }

  async claim({ waitMs, signal }: Wait): Promise<Task | undefined> {
    const { agentId } = await this.me()
    await this.#acknowledge()
    // What waits to be shown is shown with a task, or at once when there is none.
    this.#ready = await this.#take('turnEnd', dueAtOnce)
    const { signal: come, end } = this.#interruption(agentId)
    const wait = this.#ready.length > 0 ? 0 : waitMs
    const { tasks } = await this.call('tasks.claim', { leaseMs, waitMs: wait }, AbortSignal.any([signal, come]))
      .catch((error: unknown) => {
        if (come.aborted && !signal.aborted) return { tasks: [] }
        throw error
      })
      .finally(end)
    const [leased] = tasks
    if (!leased) return undefined
    const { leaseToken: _, ...task } = leased
    return task
  }

  async receive(limit: number, { waitMs, signal }: Wait): Promise<Mail[]> {
    await this.me()
    await this.#acknowledge()
    return this.#take('digest', limit, { waitMs, signal })
  }

  async due(upTo: DeliveryMode): Promise<Mail[]> {
    if (!(await this.known())) return []
    await this.#acknowledge()
    const ready = this.#ready
    this.#ready = []
    return [...ready, ...(await this.#take(upTo, dueAtOnce - ready.length))]
  }

  async shown(messageIds: readonly string[]): Promise<void> {
    const receipts = messageIds.flatMap((messageId) => {
      const receipt = this.#receipts.get(messageId)
      return receipt === undefined ? [] : [{ messageId, receipt }]
    })
    await Promise.allSettled(
      receipts.map((receipt) => this.call('messages.inProgress', { ...receipt, ackWaitMs, shown: true })),
    )
  }

  notices(): string[] {
    return []
  }

  /** The host has ended its session: what is held goes back at once. A named agent may have others, and stays. */
  async leave(): Promise<void> {
    const { credential, place } = this.#caller
    const seated = isAgent(credential) || !place?.isSession ? undefined : await this.#whoSits()
    if (seated && seated !== 'over') await this.#as(seated.principal, 'agents.unregister', {})
  }

  /** The same caller in another project, where it may choose one: only a developer in dev mode does. */
  inProject(project: string): HttpSeat {
    const { credential } = this.#caller
    if (isAgent(credential) || credential.key || project === credential.project) return this
    return new HttpSeat({ ...this.#caller, credential: { ...credential, project } })
  }

  /**
   * As the credential itself, whoever has joined with it. A developer in dev mode owns the machine and so its projects: programs
   * from before create theirs at the start, and there is nobody else to do it.
   */
  callAsOwner<P extends Path>(path: P, input: Input<P>): Promise<Output<P>> {
    const { credential } = this.#caller
    const owns = !(isAgent(credential) || credential.key)
    return this.#as(owns ? { ...credential, role: 'admin' } : credential, path, input)
  }

  /** A signal for a wait that a message ends, which is taken then. Call `end` after the wait. */
  #interruption(agentId: string): { readonly signal: AbortSignal; readonly end: () => Promise<void> } {
    const come = new AbortController()
    const bell = new Bell()
    let over = false
    const leave = this.#caller.connection.parts.inboxes.watch(agentId, (because) => {
      if (because === 'mail') bell.ring()
    })
    const look = async (): Promise<void> => {
      while (!(over || come.signal.aborted)) {
        await bell.rung()
        // It may be one that is not shown yet: on PostgreSQL that is heard of each second.
        if (!over) this.#ready = await this.#take('turnEnd', dueAtOnce)
        if (this.#ready.length > 0) come.abort()
      }
    }
    const looking = look().catch(() => undefined)
    const end = (): Promise<void> => {
      over = true
      leave()
      bell.ring()
      return looking
    }
    return { signal: come.signal, end }
  }

  /** Takes messages that are at least as urgent, and keeps their receipts for as long as this request. */
  async #take(upTo: DeliveryMode, limit: number, wait?: Wait): Promise<Mail[]> {
    if (limit < 1) return []
    const { waitMs = 0, signal } = wait ?? {}
    const { messages } = await this.call('messages.receive', { limit, waitMs, upTo, ackWaitMs }, signal)
    return messages.map(({ receipt, ...mail }) => {
      this.#receipts.set(mail.id, receipt)
      return mail
    })
  }

  /** What was shown before this request is read: whoever calls again has seen it. */
  async #acknowledge(): Promise<void> {
    const me = this.#acknowledged ? undefined : await this.known()
    if (!me) return
    this.#acknowledged = true
    const { agentId } = me
    const rows = await this.#caller.connection.parts.store.read((reader) => reader.run(findReceipts, { agentId }))
    const acks = rows.flatMap(({ messageId, receipt }) => (receipt === null ? [] : [{ messageId, receipt }]))
    if (acks.length > 0) await this.call('messages.ack', { acks })
  }

  /**
   * Proof of a lease that is over, where the agent had one: a result that comes too late is refused all the same, and kept for
   * whoever may want it.
   */
  async #lateToken(taskId: string, agentId: string): Promise<string | undefined> {
    const { events } = await this.call('events.list', { types: ['task.claimed'], taskId, agentId, limit: 1_000 })
    const attempt = claimed.safeParse(events.at(-1)?.data).data?.attempt
    const { leaseTokens } = this.#caller.connection.parts
    return attempt === undefined ? undefined : leaseTokens.mint({ taskId, agentId }, attempt)
  }

  #whoSits(): Promise<Seated | 'over' | undefined> {
    const { connection, credential, place } = this.#caller
    this.#seated ??= place ? principalAt(connection.parts, credential, place) : Promise.resolve(undefined)
    return this.#seated
  }

  async #principal(): Promise<Principal> {
    const { credential } = this.#caller
    if (isAgent(credential)) return credential
    const sitting = await this.#whoSits()
    // Somebody has ended it: it must not come back by itself.
    if (sitting === 'over') throw new CoordinationError('TOKEN_REVOKED', 'this session has been ended')
    return sitting?.principal ?? credential
  }

  #as<P extends Path>(principal: Principal, path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    const connection: Connection = { ...this.#caller.connection, identity: { ok: true, principal } }
    const typed = typedCalls((to, rawInput, ends) => {
      const kind = procedures.get(to)?.kind ?? 'query'
      const gone = this.#caller.signal
      const either = ends ? AbortSignal.any([gone, ends]) : gone
      const call = { connection, requestId: uuidv7(), path: to, kind, rawInput, signal: either }
      return runCall(call).catch((error: unknown) => {
        throw toCoordinationError(error)
      })
    })
    return typed(path, input, signal)
  }
}
