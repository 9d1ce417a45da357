import { onTerminate } from '#host'
import { type Client, type ClientOptions, createClient } from '../api/client.ts'
import { addressOf } from '../connection/address.ts'
import { postJson } from '../connection/post-json.ts'
import { sleep, type Timer, unrefTimer } from '../connection/timers.ts'
import type { SessionTokens } from '../connection/tokens.ts'
import type { Delivery, FeedEvent, LeasedTask } from '../generated/api.ts'
import { consumeInbox, type InboxOptions } from './inbox.ts'
import { type RequestOptions, sendRequest } from './requests.ts'
import { type WatchFilter, type WatchOptions, watch } from './watch.ts'
import { type WorkHandler, WorkLoop, type WorkOptions } from './work.ts'
import { createWorkStats, type WorkStats } from './work-stats.ts'

export interface AgentOptions extends Omit<ClientOptions, 'token' | 'session'> {
  /** An API key or an enrolment token to register with. Without one the server must be in dev mode on this machine. */
  readonly credential?: string
  /** Unique in the project. */
  readonly name: string
  /** What the agent is: `implementation`, `qa`, … */
  readonly type: string
  /** Default: by type. */
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead'
  readonly capabilities?: readonly string[]
  readonly metadata?: Readonly<Record<string, unknown>>
  /**
   * The secret that proves this is the same agent when its name is registered again, 16–200 characters. Keep it to survive
   * a restart of the process. Default: a new one, good for this process.
   */
  readonly clientInstanceId?: string
  /** Between heartbeats, in milliseconds. Default 10 000: a third of the default lease. */
  readonly heartbeatMs?: number
  /** Between reports of health, which travel with heartbeats, in milliseconds. Default 30 000; 0 sends none. */
  readonly healthMs?: number
  /** How long registering may take, in milliseconds. Default 30 000. */
  readonly registerWithinMs?: number
  /** Drains when the process is asked to end (SIGTERM), and lets it end then. Default: no. `true` is `{ withinMs: 25_000 }`. */
  readonly drainOnSigterm?: boolean | StopOptions
  /** Told once when a tech lead has asked the agent to finish what it holds and leave: `agent.stop()` does. */
  readonly onDraining?: () => void
}

export interface StopOptions {
  /** What still runs after so long is told by its signal, and its task goes back, in milliseconds. Default: it is waited for. */
  readonly withinMs?: number
}

interface Registration extends SessionTokens {
  readonly agentId: string
  readonly incarnation: number
  readonly role: string
}

/** Something of the agent's that goes on until it is stopped. */
interface MessageReader {
  stop(): Promise<void>
}

/** How long a last beat is waited for, in milliseconds. */
const lastHeartbeatTimeoutMs = 2_000

/** What ends a lease without its holder's doing. */
const leaseEndEventTypes = ['task.cancelled', 'task.expired', 'task.released', 'task.timedOut'] as const

/** A registered agent: its connection, its heartbeat, its work and its mail. */
export class Agent {
  readonly id: string
  readonly name: string
  readonly incarnation: number
  readonly role: string
  /** What the registration gave. The client exchanges it in time by itself; this is the first token. */
  readonly registration: SessionTokens
  /** Every procedure, called as this agent. */
  readonly client: Client
  readonly #options: AgentOptions
  readonly #loops: Set<WorkLoop>
  readonly #messageReaders = new Set<MessageReader>()
  readonly #stats: WorkStats = createWorkStats()
  readonly #heartbeatTimer: Timer
  #pendingHeartbeat: Promise<void> | undefined
  #watchesLeaseEnds = false
  #draining = false
  #stopped: Promise<void> | undefined
  #removeSigtermHandler: () => void = () => undefined

  private constructor(options: AgentOptions, registration: Registration, client: Client, loops: Set<WorkLoop>) {
    this.#options = options
    this.#loops = loops
    this.id = registration.agentId
    this.name = options.name
    this.incarnation = registration.incarnation
    this.role = registration.role
    this.registration = registration
    this.client = client
    this.#heartbeatTimer = unrefTimer(setInterval(() => this.#sendHeartbeat(), options.heartbeatMs ?? 10_000))
    const { drainOnSigterm } = options
    if (!drainOnSigterm) return
    this.#removeSigtermHandler = onTerminate(() =>
      this.stop(drainOnSigterm === true ? { withinMs: 25_000 } : drainOnSigterm),
    )
  }

  /** Registers and connects. Retries while the server cannot be reached; rejects with TonyError when it refuses. */
  static async register(options: AgentOptions): Promise<Agent> {
    const { url = 'http://127.0.0.1:3456', name, type, role, capabilities = [], metadata = {} } = options
    const clientInstanceId = options.clientInstanceId ?? crypto.randomUUID()
    const { credential, project } = options
    const registration = await postJson({
      url: `${addressOf(url)}/api/agents/register`,
      body: { name, type, ...(role === undefined ? {} : { role }), capabilities, metadata, clientInstanceId },
      headers: {
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...(project === undefined ? {} : { 'x-tony-project': project }),
      },
      isReply: isRegistration,
      withinMs: options.registerWithinMs ?? 30_000,
    })
    const loops = new Set<WorkLoop>()
    const onState: ClientOptions['onState'] = (state, change) => {
      if (state === 'closed') for (const loop of loops) loop.abortAllLeases()
      options.onState?.(state, change)
    }
    return new Agent(options, registration, createClient({ ...options, url, session: registration, onState }), loops)
  }

  /**
   * Takes tasks and runs `handler` on each, `slots` at a time, until stopped. What it returns completes the task; what it
   * throws fails the attempt. Its `signal` says that the lease was lost: stop then, the result would not count.
   */
  work(handler: WorkHandler, options: WorkOptions = {}): WorkLoop {
    const loop = new WorkLoop(this.client, handler, options, this.#stats.record)
    this.#loops.add(loop)
    this.#watchLeaseEnds()
    return loop
  }

  /**
   * Runs `handler` on each message of the inbox: acked when it returns, nak'ed when it throws. Requests go to `onRequest` of the
   * options, if there is one.
   */
  onMessage(handler: (message: Delivery) => unknown, options: InboxOptions = {}): { stop(): Promise<void> } {
    const mail = consumeInbox(this.client, handler, options, this.#stats.record)
    this.#messageReaders.add(mail)
    return mail
  }

  /** Asks another agent and gives its result. Rejects with RequestError when it answered with an error, with TonyError when it did not. */
  request(method: string, params?: unknown, options: RequestOptions = {}): Promise<unknown> {
    return sendRequest(this.client, method, params, options)
  }

  /** Answers a request that came as a message, which acks it. Handlers of `onRequest` need not. */
  async reply(
    requestId: string,
    answer: { result?: unknown } | { error: { code: string; message: string } },
  ): Promise<void> {
    await this.client.requests.reply({ requestId, ...answer })
  }

  /** The events of the feed that fit, as they come. See `watch`. */
  watch(filter: WatchFilter = {}, options: WatchOptions = {}): AsyncGenerator<FeedEvent, void> {
    return watch(this.client, filter, options)
  }

  /** One heartbeat, beside the regular ones: extends every lease held and ends the work on those that are lost. */
  async heartbeat(): Promise<void> {
    const { heartbeatMs = 10_000, healthMs = 30_000, onDraining } = this.#options
    const held = [...this.#loops].flatMap((loop) => loop.leases())
    const leases = held.map(({ id, leaseToken }: LeasedTask) => ({ taskId: id, leaseToken }))
    const health = this.#stats.takeSampleIfDue(healthMs)
    // Neither kept for long nor sent again: a list that is late would let go of what was claimed since.
    const settings = { deadlineMs: Math.min(10_000, heartbeatMs), once: true }
    const { lost, state } = await this.client.agents.heartbeat({ leases, ...(health ? { health } : {}) }, settings)
    for (const { taskId } of lost) for (const loop of this.#loops) loop.abortLease(taskId)
    if (state === 'draining' && !this.#draining) onDraining?.()
    this.#draining = state === 'draining'
  }

  /** Takes nothing new, lets what runs finish, and disconnects. Registering again later is the same agent. */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options)
    return this.#stopped
  }

  async #stop({ withinMs }: StopOptions): Promise<void> {
    const stopped = Promise.all([...this.#loops, ...this.#messageReaders].map((running) => running.stop()))
    const wakers = new Set<() => void>()
    if (withinMs === undefined) await stopped
    else await Promise.race([stopped, sleep(withinMs, wakers)])
    for (const wake of wakers) wake()
    await Promise.all([...this.#loops].map((loop) => loop.releaseLeases()))
    clearInterval(this.#heartbeatTimer)
    // A claim over HTTP that was ended may have got a task nobody heard of: two lists without it let go of it.
    if (this.#options.calls === 'http' && this.#loops.size > 0)
      for (let beats = 0; beats < 2; beats += 1)
        await Promise.race([this.heartbeat().catch(() => undefined), sleep(lastHeartbeatTimeoutMs, wakers)])
    for (const wake of wakers) wake()
    this.#removeSigtermHandler()
    this.client.close()
  }

  /** One at a time, and none while there is no connection: those would come all at once later, with lists of before. */
  #sendHeartbeat(): void {
    if (this.#pendingHeartbeat || (this.#options.calls !== 'http' && this.client.connection.state !== 'open')) return
    this.#pendingHeartbeat = this.heartbeat()
      .catch(() => undefined)
      .finally(() => {
        this.#pendingHeartbeat = undefined
      })
  }

  /** Whoever works hears at once when a lease of its has ended; without this, with the next heartbeat. */
  #watchLeaseEnds(): void {
    if (this.#watchesLeaseEnds) return
    this.#watchesLeaseEnds = true
    const listen = async (): Promise<void> => {
      for await (const { subject, data } of this.client.events.subscribe({
        types: leaseEndEventTypes,
        agentId: this.id,
      })) {
        const attempt = typeof data === 'object' && data !== null && 'attempt' in data ? data.attempt : undefined
        if (subject === null || typeof attempt !== 'number') continue
        for (const loop of this.#loops) loop.abortLease(subject, attempt)
      }
    }
    listen().catch(() => {
      this.#watchesLeaseEnds = false
    })
  }
}

const isRegistration = (reply: unknown): reply is Registration =>
  typeof reply === 'object' && reply !== null && 'agentId' in reply && 'refreshToken' in reply && 'incarnation' in reply
