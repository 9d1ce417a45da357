import { type Agent, type Client, TonyError } from '@tony/mcp-client'
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
import { isChange, type Me, type Profile, type Seat, type Standing, type Wait } from '@tony/mcp-tools/seat'
import { type Clock, every, pause } from './clock.ts'
import { Leases } from './leases.ts'
import { ackWaitMs, Letters } from './letters.ts'
import { type Found, type LookFor, waitFor } from './look.ts'
import { register, type Settings } from './registration.ts'
import type { Slot } from './slots.ts'

/** Between heartbeats, and how long a lease lasts without: a bridge that is killed gives its tasks back within that. */
const beatMs = 10_000
const leaseMs = 30_000

/** How long one call waits on the server; longer waits are several. */
const roundMs = 50_000

/** What ends an agent without anybody having meant to: it is registered anew. */
const endings: ReadonlySet<string> = new Set(['CLIENT_CLOSED', 'UNAUTHENTICATED', 'TOKEN_EXPIRED'])

/** Asked while messages are made ready to be shown: nobody has read those yet. */
const asides: ReadonlySet<Path> = new Set(['agents.get'])

/** What somebody has meant: only a model that is told to joins again. */
const meant: ReadonlySet<string> = new Set(['TOKEN_REVOKED', 'STALE_INCARNATION'])

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const codeOf = (error: unknown): string | undefined => (error instanceof TonyError ? error.code : undefined)

async function carry(client: Client, path: Path, input: unknown, signal: AbortSignal | undefined): Promise<unknown> {
  const [noun = '', verb = ''] = path.split('.')
  const verbs: unknown = Reflect.get(client, noun)
  const call = isRecord(verbs) ? verbs[verb] : undefined
  if (typeof call !== 'function') throw new Error(`this client does not know ${path}`)
  return call(input, signal ? { signal } : {})
}

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
  readonly #letters: Letters
  readonly #closing = new AbortController()
  readonly #stopBeating: () => void
  #beating: Promise<void> | undefined
  #profile: Profile = {}
  #agent: Promise<Agent> | undefined
  /** Whether the server has ended the agent. */
  #over = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.maxWaitMs = options.settings.maxWaitMs
    this.#letters = new Letters(options.clock)
    this.#stopBeating = every(options.clock, beatMs, () => this.#beatRegularly())
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

  claim(wait: Wait): Promise<Task | undefined> {
    return this.#until(wait, async (waitMs, signal) => {
      const { tasks } = await this.call('tasks.claim', { leaseMs, waitMs }, signal)
      const [leased] = tasks
      if (!leased) return undefined
      const { leaseToken, ...task } = leased
      this.#leases.hold(task.id, leaseToken)
      if (!wait.signal.aborted) return task
      // Nobody waits for it any more.
      await this.callHeld('tasks.release', { taskId: task.id })
      return undefined
    })
  }

  async receive(limit: number, wait: Wait): Promise<Mail[]> {
    const mail = await this.#until(wait, async (waitMs, signal) => {
      const { messages } = await this.call('messages.receive', { limit, waitMs, ackWaitMs }, signal)
      const shown = this.#letters.show(messages)
      return shown.length === 0 ? undefined : shown
    })
    return mail ?? []
  }

  /** Waits until there is a task this session may take, or a message for it, and takes nothing. */
  async look(
    { for: kind, type }: { readonly for: LookFor; readonly type?: string | undefined },
    ended: AbortSignal,
  ): Promise<Found | undefined> {
    const { client, id: agent } = await this.#joined()
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
    await agent?.client.agents.unregister({}, { deadlineMs: 2_000 }).catch(() => undefined)
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
    const onClosed = () => {
      this.#over = true
      this.#leases.loseAll('the connection of this session was ended')
    }
    this.#agent ??= register({ settings, profile: this.#profile, slot, workspace, onClosed }).catch(
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
    const typed = typedCalls((to, given, ends) => carry(client, to, given, ends))
    return typed(path, input, signal)
  }

  #explained(error: unknown): unknown {
    if (codeOf(error) !== 'DEADLINE_EXCEEDED' || !(error instanceof TonyError) || error.applied === 'unknown')
      return error
    return new SeatError('SERVER_UNREACHABLE', `no server answers at ${this.#options.settings.url}`)
  }

  /** Waits in rounds, over restarts of the server, until there is something, the time is up or nobody waits any more. */
  async #until<T>(
    { waitMs, signal }: Wait,
    round: (ms: number, signal: AbortSignal) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { clock } = this.#options
    const ends = AbortSignal.any([signal, this.#closing.signal])
    const end = clock.monotonic() + waitMs
    for (;;) {
      const left = Math.max(0, end - clock.monotonic())
      const found = await round(Math.ceil(Math.min(left, roundMs)), ends).catch(async (error: unknown) => {
        const passing = error instanceof TonyError ? error.retryable : error instanceof SeatError
        if (!passing || left === 0 || ends.aborted) throw error
        await pause(clock, 1_000, ends)
        return undefined
      })
      if (found !== undefined || ends.aborted || clock.monotonic() >= end) return found
    }
  }

  /** What was shown is read: whoever calls again has seen it. */
  async #acknowledge(): Promise<void> {
    const acks = this.#letters.read()
    const agent = acks.length === 0 ? undefined : await this.#agent
    await agent?.client.messages.ack({ acks: acks.slice(0, 200) }).catch(() => undefined)
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
    const agent = await this.#agent?.catch(() => undefined)
    if (!agent) return
    // Never sent again by itself: by then the list would be one of before.
    const settings = { deadlineMs: beatMs, once: true }
    const { lost } = await agent.client.agents.heartbeat({ leases: this.#leases.list() }, settings)
    for (const { taskId, reason } of lost)
      this.#leases.lose(taskId, reason === 'cancelled' ? 'it was cancelled' : 'its lease is over')
    for (const receipt of this.#letters.due())
      await agent.client.messages.inProgress({ ...receipt, ackWaitMs }).catch(() => undefined)
  }
}
