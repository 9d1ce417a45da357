import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CoordinationError, type ErrorCode, errorPolicies } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Services } from '../../domain/context.ts'
import type { Identity } from '../../domain/identity/caller.ts'
import { validPrincipal } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { bearerOf, identify, lockoutMs, projectOf } from '../http/identify.ts'
import type { RequestChecks } from '../http/request-checks.ts'
import { createHandshakeLimiter, type HandshakeLimiter } from './abuse-detection.ts'
import { parseConnectionParams } from './client-message.ts'
import { closeCodes } from './close-codes.ts'
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

/** Refuses an upgrade with an HTTP response, before a WebSocket exists. */
function refuseUpgrade(raw: Duplex, status: number, retryAfter?: number): void {
  const retryHeader = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
  raw.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${retryHeader}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}

/** Returns the reason why the connection has no valid principal now; undefined if it has one. */
function refusalOf(connection: Connection): Error | undefined {
  try {
    validPrincipal(connection)
    return undefined
  } catch (error) {
    return toCoordinationError(error)
  }
}

/**
 * Only a fault of the credential itself is final: a client stops at 4401, and reconnects after the
 * other codes.
 */
function closeCodeOf(code: ErrorCode): number {
  const { http, retryable } = errorPolicies[code]
  if (http === 429) return closeCodes.flooding
  return retryable ? closeCodes.overloaded : closeCodes.unauthenticated
}

/**
 * Closes in a later event-loop iteration: a caller that revokes itself over its own socket still
 * gets its reply, which follows the commit.
 */
function closeIfRefused(socket: Socket): void {
  setImmediate(() => {
    const refusal = refusalOf(socket.connection)
    const code = refusal && toCoordinationError(refusal).code
    if (code) socket.close(closeCodeOf(code), code)
  })
}

const bytesOf = (data: RawData): Buffer => {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
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
  readonly #server: WebSocketServer
  readonly #sockets = new Set<Socket>()
  /** Number of open sockets by agent id. */
  readonly #socketsByAgent = new Map<string, number>()
  readonly #handshakeLimiter: HandshakeLimiter
  /** Number of upgraded sockets whose caller is not authenticated yet. */
  #pendingHandshakes = 0
  #closing = false
  #cancelLivenessTimer: () => void = () => undefined
  readonly #unsubscribers: readonly (() => void)[]

  constructor(services: Services, log: Log, metrics: Metrics, checks: RequestChecks) {
    this.#services = services
    this.#log = log
    this.#metrics = metrics
    this.#checks = checks
    const { frameBytes, handshakesPerSecond } = services.config.limits
    // As with the rate limits, dev mode has no untrusted callers to limit.
    this.#handshakeLimiter = createHandshakeLimiter(
      services.clock,
      services.config.mode === 'serve' ? handshakesPerSecond : Number.POSITIVE_INFINITY,
    )
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: frameBytes,
      perMessageDeflate: false,
      clientTracking: false,
      autoPong: false,
    })
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
    if (path !== '/ws') return refuseUpgrade(raw, 404)
    if (this.#closing || this.#services.identity.revocations.isUnreadable)
      return refuseUpgrade(raw, 503, this.#retryAfterSeconds())
    const refusal = this.#checks.check(request)
    if (refusal) return refuseUpgrade(raw, errorPolicies[refusal.code].http)
    if (!this.#checks.isOriginAllowed(request)) return refuseUpgrade(raw, 403)
    if (
      this.#sockets.size + this.#pendingHandshakes >= this.#services.config.limits.sockets ||
      !this.#handshakeLimiter.tryAcquire()
    )
      return refuseUpgrade(raw, 503, this.#retryAfterSeconds())
    const lockedMs = lockoutMs(this.#services, this.#checks, request)
    if (lockedMs > 0) return refuseUpgrade(raw, 429, Math.ceil(lockedMs / 1_000))
    this.#server.handleUpgrade(request, raw, head, (ws) => {
      ws.on('error', (error) => this.#log.debug({ error }, 'socket error'))
      this.#handshake(ws, raw, request, /(^|&)connectionParams=1(&|$)/.test(query))
    })
  }

  /** Returns 1 to 5 seconds at random, so that refused clients do not all return together. */
  #retryAfterSeconds(): number {
    return 1 + Math.floor(this.#services.clock.random() * 5)
  }

  /** Refuses new sockets and closes every open one, each at a random time within `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true
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

  /** Authenticates the caller by its header or its first frame, and then opens a Socket. */
  #handshake(ws: WebSocket, raw: Duplex, request: IncomingMessage, expectsConnectionParams: boolean): void {
    this.#pendingHandshakes += 1
    let isSettled = false
    const settle = () => {
      if (!isSettled) this.#pendingHandshakes -= 1
      isSettled = true
    }
    ws.once('close', settle)
    const cancel = this.#services.clock.timer(this.#services.config.limits.helloMs, () => {
      if (!isSettled) ws.close(closeCodes.silent, 'no connectionParams in time')
    })
    const authenticate = async (
      token: string | undefined,
      project: string | undefined,
      queuedFrames: [Buffer, boolean][],
    ) => {
      cancel()
      const identity = await identify(this.#services, this.#checks, { token, project, request })
      if (isSettled) return
      settle()
      const connection = this.#connectionOf(request, identity)
      const refusal = token === undefined && project === undefined ? undefined : refusalOf(connection)
      if (refusal) return this.#reject(ws, raw, connection, refusal)
      const limitError = this.#socketLimitError(identity)
      if (limitError) return this.#reject(ws, raw, connection, limitError)
      this.#openSocket(ws, raw, connection, queuedFrames)
    }
    // Frames that arrive during the authentication are queued, in order.
    const held: [Buffer, boolean][] = []
    let isAuthenticating = !expectsConnectionParams
    ws.on('message', (data, isBinary) => {
      if (isSettled) return
      if (isAuthenticating) return void held.push([bytesOf(data), isBinary])
      isAuthenticating = true
      if (isBinary) return ws.close(1003, 'text only')
      const params = parseConnectionParams(bytesOf(data).toString('utf8'))
      if (!params) return ws.close(closeCodes.malformed, 'the first frame is not connectionParams')
      // With two credentials it would be unclear which of them makes the calls.
      if (params.token !== undefined && request.headers.authorization !== undefined)
        return ws.close(closeCodes.malformed, 'one socket shows one credential')
      void authenticate(params.token ?? bearerOf(request), params.project, held)
    })
    if (!expectsConnectionParams) void authenticate(bearerOf(request), projectOf(request), held)
  }

  #connectionOf(request: IncomingMessage, identity: Identity): Connection {
    return {
      services: this.#services,
      log: this.#log,
      metrics: this.#metrics,
      transport: 'ws',
      address: this.#checks.addressOf(request),
      identity,
    }
  }

  /** Sends the error for a refused credential, project or socket, and closes the socket. */
  #reject(ws: WebSocket, raw: Duplex, connection: Connection, error: Error): void {
    const socket = new Socket(ws, raw, connection)
    const { code } = toCoordinationError(error)
    this.#services.identity.denials.record(connection, 'connect', code, uuidv7())
    socket.refuse(error)
    socket.close(closeCodeOf(code), code)
  }

  /** Returns the error for an agent that has the maximum number of sockets. */
  #socketLimitError(identity: Identity): Error | undefined {
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

  #openSocket(ws: WebSocket, raw: Duplex, connection: Connection, queuedFrames: readonly [Buffer, boolean][]): void {
    const socket = new Socket(ws, raw, connection)
    this.#sockets.add(socket)
    this.#countAgentSockets(socket, 1)
    this.#metrics.setOpenSockets(this.#sockets.size)
    ws.on('message', (data, isBinary) => socket.receive(bytesOf(data), isBinary))
    ws.on('ping', (data) => socket.handlePing(data))
    ws.once('close', () => {
      socket.handleClose()
      this.#sockets.delete(socket)
      this.#countAgentSockets(socket, -1)
      this.#metrics.setOpenSockets(this.#sockets.size)
    })
    for (const [data, isBinary] of queuedFrames) socket.receive(data, isBinary)
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
