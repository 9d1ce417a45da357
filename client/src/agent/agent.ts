import { type Client, type ClientOptions, clientOptionNames, createUncheckedClient } from '../api/client.ts'
import { requireKnownOptions } from '../api/known-options.ts'
import { normalizeServerUrl } from '../connection/address.ts'
import { postJson } from '../connection/post-json.ts'
import { sleep, type Timer, unrefTimer } from '../connection/timers.ts'
import type { SessionTokens } from '../connection/tokens.ts'
import type { Delivery, FeedEvent, LeasedTask } from '../generated/api.ts'
import { onTerminate } from '../runtime/process.ts'
import { consumeInbox, type InboxOptions } from './inbox.ts'
import { type AgentOptions, agentOptionNames, type StopOptions } from './options.ts'
import { type RequestOptions, sendRequest } from './requests.ts'
import { type WatchFilter, type WatchOptions, watch } from './watch.ts'
import { type WorkHandler, WorkLoop, type WorkOptions } from './work.ts'
import { createWorkStats, type WorkStats } from './work-stats.ts'

interface Registration extends SessionTokens {
  readonly agentId: string
  readonly incarnation: number
  readonly role: string
}

/** A running reader of the inbox. */
interface InboxConsumer {
  stop(): Promise<void>
}

/** Timeout for each call after the last lease, in milliseconds. */
const lastCallTimeoutMs = 2_000

/** Events that end a lease without an action of its holder. */
const leaseEndEventTypes = ['task.cancelled', 'task.expired', 'task.released', 'task.timed_out'] as const

/**
 * A registered agent: its connection, its heartbeats, its work and its inbox.
 *
 * @example
 * ```ts
 * const agent = await Agent.register({ url, name: 'worker', type: 'implementation' })
 * agent.work(async (task) => ({ did: task.title }), { slots: 2 })
 * await agent.stop()
 * ```
 */
export class Agent {
  /** The agent's id, a UUID. */
  readonly id: string
  /** The name it was registered with. */
  readonly name: string
  /** Number of the registration of this name, from 1. A later registration fences this one. */
  readonly incarnation: number
  /** The role that the server granted. */
  readonly role: string
  /** The tokens of the registration, with the first `token`. The client refreshes them. */
  readonly registration: SessionTokens
  /** A typed function for every procedure, called as this agent. */
  readonly client: Client
  readonly #options: AgentOptions
  readonly #loops: Set<WorkLoop>
  readonly #inboxConsumers = new Set<InboxConsumer>()
  readonly #stats: WorkStats = createWorkStats()
  readonly #heartbeatTimer: Timer
  #pendingHeartbeat: Promise<void> | undefined
  /** True if the last heartbeat failed. */
  #missedHeartbeat = false
  #watchesLeaseEnds = false
  #draining = false
  #stopping: Promise<void> | undefined
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
    // The lease may not last until the next interval.
    client.connection.onChange(({ state }) => state === 'open' && this.#missedHeartbeat && this.#sendHeartbeat())
    const { drainOnSigterm } = options
    if (!drainOnSigterm) return
    this.#removeSigtermHandler = onTerminate(() =>
      this.stop(drainOnSigterm === true ? { withinMs: 25_000 } : drainOnSigterm),
    )
  }

  /**
   * Registers an agent and connects it. Retries while the server is unreachable. Rejects with
   * TonyError if the server refuses the registration or `registerWithinMs` has passed.
   * @example const agent = await Agent.register({ url, name: 'worker', type: 'qa' })
   */
  static async register(options: AgentOptions): Promise<Agent> {
    requireKnownOptions('Agent.register', options, { ...clientOptionNames, ...agentOptionNames })
    const { url = 'http://127.0.0.1:3456', name, type, role, capabilities = [], metadata = {} } = options
    const clientInstanceId = options.clientInstanceId ?? crypto.randomUUID()
    const { token, project } = options
    const registration = await postJson({
      url: `${normalizeServerUrl(url)}/api/agents/register`,
      body: { name, type, ...(role === undefined ? {} : { role }), capabilities, metadata, clientInstanceId },
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(project === undefined ? {} : { 'x-tony-project': project }),
      },
      isReply: isRegistration,
      withinMs: options.registerWithinMs ?? 30_000,
      ...(options.waitsForServer === undefined ? {} : { waitsForServer: options.waitsForServer }),
    })
    const loops = new Set<WorkLoop>()
    const onState: ClientOptions['onState'] = (state, change) => {
      if (state === 'closed') for (const loop of loops) loop.abortAllLeases()
      options.onState?.(state, change)
    }
    return new Agent(
      options,
      registration,
      createUncheckedClient({ ...options, url, session: registration, onState }),
      loops,
    )
  }

  /**
   * Claims tasks and runs `handler` on each, `slots` at a time, until the loop or the agent is
   * stopped. The return value completes the task, an exception fails the attempt. The handler's
   * `signal` is aborted when its lease ends: stop then, because the result would not count.
   * @example agent.work(async ({ title }) => ({ did: title }), { slots: 2 })
   */
  work(handler: WorkHandler, options: WorkOptions = {}): WorkLoop {
    const loop = new WorkLoop(this.client, handler, options, this.#stats.record)
    this.#loops.add(loop)
    this.#watchLeaseEnds()
    return loop
  }

  /**
   * Runs `handler` on each message of the inbox: acks the message when the handler returns and naks
   * it when the handler throws. Requests go to `onRequest` of the options, if it is set.
   * @example agent.onMessage(({ payload }) => console.log(payload))
   */
  onMessage(handler: (message: Delivery) => unknown, options: InboxOptions = {}): { stop(): Promise<void> } {
    const reader = consumeInbox(this.client, handler, options, this.#stats.record)
    this.#inboxConsumers.add(reader)
    return reader
  }

  /**
   * Sends a request to another agent and returns its result. Rejects with RequestError if that
   * agent replied with an error and with TonyError if no reply came.
   * @example const sum = await agent.request('add', [2, 3])
   */
  request(method: string, params?: unknown, options: RequestOptions = {}): Promise<unknown> {
    return sendRequest(this.client, method, params, options)
  }

  /**
   * Replies to a request that arrived as a message, which also acks the message. Handlers of
   * `onRequest` need not call it. Rejects with TonyError.
   * @example await agent.reply(requestId, { result: 5 })
   */
  async reply(
    requestId: string,
    answer: { result?: unknown } | { error: { code: string; message: string } },
  ): Promise<void> {
    await this.client.requests.reply({ requestId, ...answer })
  }

  /**
   * Yields the events of the feed that match `filter`, as they commit. Options and errors: `watch`.
   * @example for await (const { subject } of agent.watch({ epic: 'E.1' })) console.log(subject)
   */
  watch(filter: WatchFilter = {}, options: WatchOptions = {}): AsyncGenerator<FeedEvent, void> {
    return watch(this.client, filter, options)
  }

  /**
   * Sends an extra heartbeat: extends every lease and aborts the handlers of lost ones. Rejects
   * with TonyError.
   * @example await agent.heartbeat()
   */
  async heartbeat(): Promise<void> {
    const { heartbeatMs = 10_000, healthMs = 30_000, onDraining } = this.#options
    const held = [...this.#loops].flatMap((loop) => loop.leases())
    const leases = held.map(({ id, leaseToken }: LeasedTask) => ({ taskId: id, leaseToken }))
    const health = this.#stats.takeSampleIfDue(healthMs)
    // The call has a short deadline and is never repeated. A late heartbeat lists outdated leases,
    // and the server could release leases that were claimed since.
    const settings = { deadlineMs: Math.min(10_000, heartbeatMs), once: true }
    const { lost, state } = await this.client.agents.heartbeat({ leases, ...(health ? { health } : {}) }, settings)
    for (const { taskId } of lost) for (const loop of this.#loops) loop.abortLease(taskId)
    if (state === 'draining' && !this.#draining) onDraining?.()
    this.#draining = state === 'draining'
  }

  /**
   * Claims nothing more, waits for the running handlers and disconnects. A later registration with
   * the same `clientInstanceId` continues as the same agent. An agent without one cannot come back,
   * so it is unregistered: its name is free, and no message waits for it.
   * @example await agent.stop({ withinMs: 25_000 })
   */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options)
    return this.#stopping
  }

  async #stop({ withinMs }: StopOptions): Promise<void> {
    const stopped = Promise.all([...this.#loops, ...this.#inboxConsumers].map((running) => running.stop()))
    const wakers = new Set<() => void>()
    if (withinMs === undefined) await stopped
    else await Promise.race([stopped, sleep(withinMs, wakers)])
    for (const wake of wakers) wake()
    await Promise.all([...this.#loops].map((loop) => loop.releaseLeases()))
    clearInterval(this.#heartbeatTimer)
    // An aborted claim over HTTP may have leased a task without a reply to this process. The server
    // releases such a lease after two heartbeats in a row that do not list it.
    if (this.#options.calls === 'http' && this.#loops.size > 0)
      for (let heartbeats = 0; heartbeats < 2; heartbeats += 1)
        await Promise.race([this.heartbeat().catch(() => undefined), sleep(lastCallTimeoutMs, wakers)])
    for (const wake of wakers) wake()
    this.#removeSigtermHandler()
    if (this.#options.clientInstanceId === undefined)
      await this.client.agents.unregister({}, { deadlineMs: lastCallTimeoutMs, once: true }).catch(() => undefined)
    this.client.close()
  }

  /**
   * Sends one heartbeat at a time and none without a connection. Queued heartbeats would arrive
   * together later, with outdated lists of leases.
   */
  #sendHeartbeat(): void {
    if (this.#pendingHeartbeat || (this.#options.calls !== 'http' && this.client.connection.state !== 'open')) return
    this.#pendingHeartbeat = this.heartbeat()
      .then(
        () => {
          this.#missedHeartbeat = false
        },
        () => {
          this.#missedHeartbeat = true
        },
      )
      .finally(() => {
        this.#pendingHeartbeat = undefined
      })
  }

  /**
   * Aborts the handler of an ended lease as soon as the event arrives. Without the feed, the next
   * heartbeat does that.
   */
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
