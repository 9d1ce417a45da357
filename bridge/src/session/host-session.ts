import { setImmediate } from 'node:timers/promises'
import { type Agent, TonyError } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { Input, LeasedPath, Mail, Output, Path, Task, WithoutLease } from '@tony/mcp-tools/calls'
import { SeatError } from '@tony/mcp-tools/refusals'
import { isChange, type Me, type Profile, type Seat, type Standing, type Wait } from '@tony/mcp-tools/seat'
import { asides, callsOf, codeOf, endings, meant } from '../calls.ts'
import { type Clock, every } from '../clock.ts'
import { Mailbox, maxAckPending, shownAtOnce } from '../messages/inbox.ts'
import { heldForMs } from '../messages/message-buffer.ts'
import { followEnds } from './lease-ends.ts'
import { Leases } from './leases.ts'
import { inRounds, type Rounds } from './long-poll.ts'
import { type Found, type LookFor, waitFor } from './poll.ts'
import { register, type Settings } from './registration.ts'
import type { Slot } from './slots.ts'

/** Between heartbeats, and how long a lease lasts without: a bridge that is killed gives its tasks back within that. */
const beatMs = 10_000
const leaseMs = 30_000

/** How long leaving may take at each of its steps, in milliseconds. */
const leaveWithinMs = 1_000

/** A profile without what it leaves open. */
function defined({ type, capabilities }: Profile): { type?: string; capabilities?: readonly string[] } {
  return { ...(type === undefined ? {} : { type }), ...(capabilities === undefined ? {} : { capabilities }) }
}

export interface SessionOptions {
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
export class Session implements Seat {
  readonly maxWaitMs: number
  readonly #options: SessionOptions
  readonly #leases = new Leases()
  readonly #mailbox: Mailbox
  readonly #closing = new AbortController()
  readonly #stopBeating: () => void
  #beating: Promise<void> | undefined
  /** Whether this session is an agent before a tool is called. */
  #started = false
  #profile: Profile = {}
  #agent: Promise<Agent> | undefined
  /** Whether the server has ended the agent. */
  #over = false
  /** Begins to follow the ends of this agent's leases, the first time it is called. */
  #listen: () => void = () => undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.maxWaitMs = options.settings.maxWaitMs
    this.#mailbox = new Mailbox(options.clock)
    this.#stopBeating = every(options.clock, beatMs, () => this.#beatRegularly())
  }

  /** Joins now, and as soon as there is a server where there is none: others can see it and write to it before its model acts. */
  start(): void {
    this.#started = true
    this.#beatRegularly()
  }

  async known(): Promise<Me> {
    return this.me()
  }

  async me(): Promise<Me> {
    const { id, name, role } = await this.#joined()
    return { agentId: id, name, role }
  }

  /** Anew as something else: the incarnation before ends, and what it held goes back to the queue. */
  async join(profile: Profile): Promise<Me> {
    const before = await this.#agent?.catch(() => undefined)
    if (before && !this.#over && !isChange(profile, this.#standing(before))) return this.me()
    const wanted = { ...this.#profile, ...profile }
    const renamed = before !== undefined && wanted.name !== undefined && wanted.name !== before.name
    if (renamed) await before.client.agents.unregister({})
    this.#profile = wanted
    this.#forget('you joined anew')
    await before?.stop()
    return this.me()
  }

  async call<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    if (!asides.has(path)) await this.#acknowledge()
    try {
      return await this.#once(path, input, signal)
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (meant.has(code)) this.#over = true
      if (this.#closing.signal.aborted || !endings.has(code)) throw this.#explained(error)
      this.#forget('the server no longer knew this session')
      return this.#once(path, input, signal)
    }
  }

  async callHeld<P extends LeasedPath>(path: P, input: WithoutLease<P>): Promise<Output<P>> {
    const { taskId } = input
    const leaseToken = this.#leases.tokenFor(taskId, path === 'tasks.complete')
    // The compiler does not see that what was left out of the input is what is added to it.
    const output = await this.call(path, { ...input, leaseToken } as unknown as Input<P>).catch((error: unknown) => {
      if (codeOf(error) === 'STALE_LEASE') this.#leases.end(taskId)
      throw error
    })
    if (path !== 'tasks.progress') this.#leases.end(taskId)
    return output
  }

  async claim(wait: Wait): Promise<Task | undefined> {
    await this.#joined()
    const { signal: come, leave } = this.#mailbox.interruption('turnEnd')
    // What is there is shown with a task, or at once when there is none.
    const interrupted = come.aborted
      ? { ...wait, waitMs: 0 }
      : { ...wait, signal: AbortSignal.any([wait.signal, come]) }
    return this.#claimIn(interrupted, wait.signal)
      .catch((error: unknown) => {
        if (come.aborted && !wait.signal.aborted && interrupted.waitMs > 0) return undefined
        throw error
      })
      .finally(leave)
  }

  #claimIn(wait: Wait, gone: AbortSignal): Promise<Task | undefined> {
    // Not before it is needed: a session that never works is one open wait to the server.
    this.#listen()
    return inRounds(this.#rounds(wait), async (waitMs, signal) => {
      const { tasks } = await this.call('tasks.claim', { leaseMs, waitMs }, signal)
      const [leased] = tasks
      if (!leased) return undefined
      const { leaseToken: _, ...task } = leased
      this.#leases.hold(leased)
      if (!gone.aborted) return task
      // Nobody waits for it any more.
      await this.callHeld('tasks.release', { taskId: task.id })
      return undefined
    })
  }

  async receive(limit: number, wait: Wait): Promise<Mail[]> {
    const mail = await inRounds(this.#rounds(wait), async (waitMs, signal) => {
      const there = await this.fetch(limit, 'digest', signal)
      if (there.length > 0 || waitMs === 0) return there
      const next = () => {
        const come = this.#mailbox.letters.next(limit, 'digest')
        return come.length === 0 ? undefined : come
      }
      return this.#mailbox.arrival(next, waitMs, signal)
    })
    return mail ?? []
  }

  /** What may be shown now; the server is asked where nothing has come by itself. */
  async fetch(limit: number, upTo: DeliveryMode, gone?: AbortSignal): Promise<Mail[]> {
    const { letters } = this.#mailbox
    if (letters.waiting(upTo).length > 0) await this.#acknowledge()
    else {
      letters.take((await this.call('messages.receive', { maxAckPending, ackWaitMs: heldForMs })).messages)
      // What the inbox was handed just before is on its way here: it is let in first.
      await setImmediate()
    }
    // What is taken for nobody would count as shown, and be acked.
    return gone?.aborted ? [] : letters.next(limit, upTo)
  }

  async due(upTo: DeliveryMode): Promise<Mail[]> {
    return this.#mailbox.letters.next(shownAtOnce, upTo)
  }

  async shown(messageIds: readonly string[]): Promise<void> {
    const agent = messageIds.length === 0 ? undefined : await this.#agent
    if (agent) await this.#mailbox.shown(agent, messageIds)
  }

  /** Waits until there is a task this session may take, or a message for it, and takes nothing. */
  async look(
    { for: kind, type }: { readonly for: LookFor; readonly type?: string | undefined },
    ended: AbortSignal,
  ): Promise<Found | undefined> {
    const { client, id: agent } = await this.#joined()
    if (kind === 'message') return this.#mailbox.look(type, AbortSignal.any([ended, this.#closing.signal]))
    const timer = this.#options.clock.timer.bind(this.#options.clock)
    return waitFor(client, { for: kind, agent, type, timer, ended })
  }

  notices(): string[] {
    return this.#leases.notices()
  }

  /** The host is gone: what is held goes back at once, and the agent with it. Its mailbox stays, for the same session later. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#stopBeating()
    const agent = await this.#agent?.catch(() => undefined)
    if (agent) await this.#mailbox.close(agent, leaveWithinMs)
    await agent?.client.agents.unregister({}, { deadlineMs: leaveWithinMs }).catch(() => undefined)
    await agent?.stop()
    this.#options.slot.leave()
  }

  #standing({ name }: Agent): Standing {
    const { type, capabilities } = { ...this.#options.settings, ...defined(this.#profile) }
    return { name, type, capabilities }
  }

  #joined(): Promise<Agent> {
    const { settings, slot, workspace } = this.#options
    this.#over = false
    const ended = new AbortController()
    const onClosed = () => {
      ended.abort()
      this.#over = true
      this.#leases.loseAll('the connection of this session was ended')
    }
    this.#agent ??= register({ settings, profile: this.#profile, slot, workspace, onClosed }).then(
      (agent) => {
        this.#mailbox.follow(agent, ended.signal)
        this.#listen = () => {
          this.#listen = () => undefined
          void followEnds(agent, this.#leases, this.#options.clock, ended.signal)
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

  #forget(why: string): void {
    this.#leases.loseAll(why)
    this.#agent = undefined
  }

  async #once<P extends Path>(path: P, input: Input<P>, signal?: AbortSignal): Promise<Output<P>> {
    const { client } = await this.#joined()
    return callsOf(client)(path, input, signal)
  }

  #explained(error: unknown): unknown {
    if (codeOf(error) !== 'DEADLINE_EXCEEDED' || !(error instanceof TonyError) || error.applied === 'unknown')
      return error
    return new SeatError('SERVER_UNREACHABLE', `no server answers at ${this.#options.settings.url}`)
  }

  #rounds({ waitMs, signal }: Wait): Rounds {
    return { waitMs, clock: this.#options.clock, ends: AbortSignal.any([signal, this.#closing.signal]) }
  }

  /** What was shown is read: whoever calls again has seen it. */
  async #acknowledge(): Promise<void> {
    const agent = await this.#agent?.catch(() => undefined)
    if (agent) await this.#mailbox.acknowledge(agent)
  }

  /** One at a time: a list of before that comes late would let go of what was claimed since. */
  #beatRegularly(): void {
    this.#beating ??= this.#beat()
      .catch(() => undefined)
      .finally(() => {
        this.#beating = undefined
      })
  }

  async #beat(): Promise<void> {
    const joining = this.#agent ?? (this.#started ? this.#joined() : undefined)
    const agent = await joining?.catch(() => undefined)
    if (!agent) return
    // Never sent again by itself: by then the list would be one of before.
    const settings = { deadlineMs: beatMs, once: true }
    const { lost } = await agent.client.agents.heartbeat({ leases: this.#leases.list() }, settings)
    for (const { taskId, reason } of lost)
      this.#leases.lose(taskId, reason === 'cancelled' ? 'it was cancelled' : 'its lease is over')
    await this.#mailbox.beat(agent)
  }
}
