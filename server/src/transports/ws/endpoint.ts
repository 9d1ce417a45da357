import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import type { Services } from '../../domain/context.ts'
import type { CallerIdentity } from '../../domain/identity/caller.ts'
import type { Connection } from '../../guards/call.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { HalfOpenSockets } from '../http/half-open-sockets.ts'
import { remainingLockoutMs } from '../http/identify.ts'
import type { RequestChecks } from '../http/request-checks.ts'
import type { TransportContext } from '../http/responses.ts'
import { createHandshakeLimiter, type HandshakeLimiter } from './abuse-detection.ts'
import { closeCodes } from './close-codes.ts'
import { FrameScheduler } from './frame-scheduler.ts'
import { closeCodeOf, Handshakes, type IdentifiedSocket, principalErrorOf, toBuffer } from './handshakes.ts'
import { createSocketServer } from './server-web-socket.ts'
import { Socket } from './socket.ts'

/** Time between the reconnect notice and the close of a socket, in milliseconds. */
const closeGraceMs = 250

/** Interval of the liveness checks. One timer serves all sockets. */
const livenessIntervalMs = 1_000

/**
 * Sockets stay open for this long while the revocations cannot be read. Then they close, so that
 * their clients can find another replica.
 */
const revocationsUnreadableLimitMs = 35_000

/**
 * Closes in a later event-loop iteration: a caller that revokes itself over its own socket still
 * gets its reply, which follows the commit.
 */
function closeIfRefused(socket: Socket): void {
  setImmediate(() => {
    const code = principalErrorOf(socket.connection)?.code
    if (code) socket.close(closeCodeOf(code), code)
  })
}

/**
 * Serves tRPC over WebSocket at `/ws`. It implements the wire protocol of tRPC 11
 * (connectionParams, batches, tracked ids, PING and PONG, the reconnect notification), so tRPC's
 * stock client works unchanged. The stock adapter is no alternative: it builds every frame for
 * every subscriber, buffers without bound for slow readers, has no caps and crashes on a malformed
 * upgrade.
 */
export class WebSocketTransport {
  readonly #services: Services
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #checks: RequestChecks
  readonly #halfOpen: HalfOpenSockets
  readonly #server: ReturnType<typeof createSocketServer>
  readonly #handshakes: Handshakes
  readonly #frameScheduler: FrameScheduler
  readonly #sockets = new Set<Socket>()
  /** Number of open sockets by agent id. */
  readonly #socketsByAgent = new Map<string, number>()
  readonly #handshakeLimiter: HandshakeLimiter
  #closing = false
  #cancelLivenessTimer: () => void = () => undefined
  readonly #unsubscribers: readonly (() => void)[]

  constructor({ services, log, metrics, checks }: TransportContext, halfOpen: HalfOpenSockets) {
    this.#services = services
    this.#log = log
    this.#metrics = metrics
    this.#checks = checks
    this.#halfOpen = halfOpen
    this.#handshakes = new Handshakes({
      services,
      checks,
      connectionOf: (request, identity) => this.#connectionOf(request, identity),
      limitErrorOf: (identity) => this.#socketLimitError(identity),
      onIdentified: (socket) => this.#openSocket(socket),
    })
    const { frameBytes, handshakesPerSecond } = services.config.limits
    this.#frameScheduler = new FrameScheduler({ now: () => services.clock.monotonic(), storeNow: services.now })
    services.store.setArrivalSource(() => this.#frameScheduler.earliestArrival)
    // As with the rate limits, dev mode has no untrusted callers to limit.
    this.#handshakeLimiter = createHandshakeLimiter(
      services.clock,
      services.config.mode === 'serve' ? handshakesPerSecond : Number.POSITIVE_INFINITY,
    )
    this.#server = createSocketServer(frameBytes)
    this.#unsubscribers = [
      services.identity.incarnations.onSupersede((agentId, incarnation) => this.#closeSuperseded(agentId, incarnation)),
      services.identity.revocations.onRevoke(() => this.#closeRevoked()),
      services.identity.tokens.keys.onChange(() => {
        for (const socket of this.#sockets) closeIfRefused(socket)
      }),
    ]
    this.#scheduleLivenessChecks()
  }

  /** Handles the `upgrade` event. Every path replies or ends the connection; none throws. */
  upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    // This comes first, because an error event without a listener ends the process.
    raw.on('error', () => raw.destroy())
    const [path, query = ''] = (request.url ?? '').split('?', 2)
    if (path !== '/ws') return this.#refuseUpgrade(raw, 404)
    if (this.#closing || this.#services.identity.revocations.isUnreadable)
      return this.#refuseUpgrade(raw, 503, this.#retryAfterSeconds())
    const refusal = this.#checks.check(request)
    if (refusal) return this.#refuseUpgrade(raw, errorPolicies[refusal.code].http)
    if (!this.#checks.isOriginAllowed(request)) return this.#refuseUpgrade(raw, 403)
    if (
      this.#sockets.size + this.#handshakes.pendingCount >= this.#services.config.limits.sockets ||
      !this.#handshakeLimiter.tryAcquire()
    )
      return this.#refuseUpgrade(raw, 503, this.#retryAfterSeconds())
    const lockedMs = remainingLockoutMs(this.#services, this.#checks, request)
    if (lockedMs > 0) return this.#refuseUpgrade(raw, 429, Math.ceil(lockedMs / 1_000))
    this.#server.handleUpgrade(request, raw, head, (ws) => {
      ws.on('error', (error) => this.#log.debug({ error }, 'socket error'))
      this.#handshakes.begin(ws, raw, request, /(^|&)connectionParams=1(&|$)/.test(query))
    })
  }

  /** Refuses an upgrade with an HTTP response, before a WebSocket exists. */
  #refuseUpgrade(raw: Duplex, status: number, retryAfter?: number): void {
    const retryHeader = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
    this.#halfOpen.refuse(raw, `${status} ${STATUS_CODES[status] ?? ''}`, retryHeader)
  }

  /** Returns 1 to 5 seconds at random, so that refused clients do not all return together. */
  #retryAfterSeconds(): number {
    return 1 + Math.floor(this.#services.clock.random() * 5)
  }

  /** Refuses new sockets and closes every open one, each at a random time within `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true
    this.#handshakes.closeAll()
    await Promise.all([...this.#sockets].map((socket) => this.#drainSocket(socket, withinMs)))
    this.#cancelLivenessTimer()
    for (const unsubscribe of this.#unsubscribers) unsubscribe()
    this.#server.close()
  }

  /** Waits a random time, so that the other replicas do not get every client at once. */
  async #drainSocket(socket: Socket, withinMs: number): Promise<void> {
    const { clock } = this.#services
    await socket.waitForClose(clock.random() * withinMs)
    await socket.drain()
    await socket.waitForClose(closeGraceMs)
    await socket.finishCalls()
  }

  #connectionOf(request: IncomingMessage, identity: CallerIdentity): Connection {
    return {
      services: this.#services,
      log: this.#log,
      metrics: this.#metrics,
      transport: 'ws',
      address: this.#checks.addressOf(request),
      identity,
    }
  }

  /** Returns the error for an agent that has the maximum number of sockets. */
  #socketLimitError(identity: CallerIdentity): CoordinationError | undefined {
    const agent = identity.ok ? identity.principal.agent : undefined
    const limit = this.#services.config.limits.socketsPerAgent
    if (!agent || (this.#socketsByAgent.get(agent.id) ?? 0) < limit) return undefined
    const details = { limit: limit, retryAfterMs: this.#retryAfterSeconds() * 1_000 }
    return new CoordinationError('RATE_LIMITED', `at most ${limit} sockets of one agent: close some`, details)
  }

  #countAgentSockets({ connection: { identity } }: Socket, change: 1 | -1): void {
    const agent = identity.ok ? identity.principal.agent : undefined
    if (!agent) return
    const now = (this.#socketsByAgent.get(agent.id) ?? 0) + change
    if (now > 0) this.#socketsByAgent.set(agent.id, now)
    else this.#socketsByAgent.delete(agent.id)
  }

  #openSocket({ ws, raw, connection, queuedFrames }: IdentifiedSocket): void {
    const socket = new Socket(ws, raw, connection)
    this.#sockets.add(socket)
    this.#countAgentSockets(socket, 1)
    this.#metrics.setOpenSockets(this.#sockets.size)
    const markUsed = (isDone: boolean): boolean => {
      ws.markUsed()
      return isDone
    }
    const { receive, close } = this.#frameScheduler.open(
      socket.reading,
      (frame, arrivedAt) => markUsed(socket.receive(frame, arrivedAt)),
      (frame, arrivedAt) => socket.tryRefuse(frame, arrivedAt) && markUsed(true),
    )
    ws.on('message', (data, isBinary) => receive([toBuffer(data), isBinary]))
    ws.on('ping', (data) => socket.handlePing(data))
    ws.once('close', () => {
      close()
      socket.handleClose()
      this.#sockets.delete(socket)
      this.#countAgentSockets(socket, -1)
      this.#metrics.setOpenSockets(this.#sockets.size)
    })
    for (const frame of queuedFrames) receive(frame)
  }

  #closeSuperseded(agentId: string, incarnation: number): void {
    for (const socket of this.#sockets) {
      const { identity } = socket.connection
      const agent = identity.ok ? identity.principal.agent : undefined
      if (agent?.id === agentId && agent.incarnation < incarnation) closeIfRefused(socket)
    }
  }

  #closeRevoked(): void {
    for (const socket of this.#sockets) {
      const { identity } = socket.connection
      if (identity.ok && this.#services.identity.revocations.isRevoked(identity.principal)) closeIfRefused(socket)
    }
  }

  #scheduleLivenessChecks(): void {
    this.#cancelLivenessTimer = this.#services.clock.timer(livenessIntervalMs, () => {
      for (const socket of this.#sockets) {
        if (this.#services.identity.revocations.unreadableMs > revocationsUnreadableLimitMs)
          socket.close(closeCodes.overloaded, 'STORE_UNAVAILABLE')
        else socket.checkLiveness()
      }
      this.#scheduleLivenessChecks()
    })
  }
}
