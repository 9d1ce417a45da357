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

/** How long a client that was told to move gets before its socket is closed, in milliseconds. */
const closeGraceMs = 250

/** Between two rounds over all sockets for pings and ended credentials: one timer, not one a socket. */
const livenessIntervalMs = 1_000

/** Sockets are kept so long while what was revoked cannot be seen; then their clients may find another replica. */
const revocationsUnreadableLimitMs = 35_000

/** Refuses an upgrade in HTTP, before there is a WebSocket. */
function refuseUpgrade(raw: Duplex, status: number, retryAfter?: number): void {
  const retryHeader = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
  raw.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${retryHeader}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}

/** Why a caller is nobody now: its credential is none, or it has ended since. */
function refusalOf(connection: Connection): Error | undefined {
  try {
    validPrincipal(connection)
    return undefined
  } catch (error) {
    return toCoordinationError(error)
  }
}

/** Only what is wrong with the credential itself is final: a client gives up at 4401, and comes back after the others. */
function closeCodeOf(code: ErrorCode): number {
  const { http, retryable } = errorPolicies[code]
  if (http === 429) return closeCodes.flooding
  return retryable ? closeCodes.overloaded : closeCodes.unauthenticated
}

/** After this turn: who ends itself over its own socket is still owed the answer, which follows the commit. */
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
 * tRPC over WebSocket at `/ws`: the wire protocol of tRPC 11 (connectionParams, batches, tracked ids, PING and PONG, the
 * reconnect notification), so its stock client works unchanged. Our own because the stock adapter builds every frame for
 * every subscriber, buffers without bound for one that does not read, has no caps, and dies of a malformed upgrade.
 */
export class WebSocketTransport {
  readonly #services: Services
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #checks: RequestChecks
  readonly #server: WebSocketServer
  readonly #sockets = new Set<Socket>()
  /** How many of them each agent has. */
  readonly #socketsByAgent = new Map<string, number>()
  readonly #handshakeLimiter: HandshakeLimiter
  /** Upgraded, and not yet known. */
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
    // As with rates: in dev mode there is nobody to be protected from.
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

  /** The listener's `upgrade` event. Every way out answers or ends the connection, and nothing it holds can throw. */
  upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    // Before anything else: an error on a socket nobody listens to ends the process.
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

  /** In 1 to 5 seconds, so that not all who are turned away come back together. */
  #retryAfterSeconds(): number {
    return 1 + Math.floor(this.#services.clock.random() * 5)
  }

  /** Refuses new sockets and sends every open one away, each at a moment of its own within `refreshTimeoutMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#sockets].map((socket) => this.#drainSocket(socket, withinMs)))
    this.#cancelLivenessTimer()
    for (const unsubscribe of this.#unsubscribers) unsubscribe()
    this.#server.close()
  }

  /** Not all at once: the other replicas would have to take in every client of this one in the same moment. */
  async #drainSocket(socket: Socket, withinMs: number): Promise<void> {
    const { clock } = this.#services
    await socket.waitForClose(clock.random() * withinMs)
    await socket.drain()
    await socket.waitForClose(closeGraceMs)
    await socket.finishCalls()
  }

  /** Who it is, from its header or its first frame; then a Socket takes over. */
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
    // Frames that come while the identity is being established are held, in order.
    const held: [Buffer, boolean][] = []
    let isAuthenticating = !expectsConnectionParams
    ws.on('message', (data, isBinary) => {
      if (isSettled) return
      if (isAuthenticating) return void held.push([bytesOf(data), isBinary])
      isAuthenticating = true
      if (isBinary) return ws.close(1003, 'text only')
      const params = parseConnectionParams(bytesOf(data).toString('utf8'))
      if (!params) return ws.close(closeCodes.malformed, 'the first frame is not connectionParams')
      // Two credentials are one too many to say whose calls these are.
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

  /** A caller that showed a credential, or named a project, and was refused is told why. One that did neither may call what is open. */
  #reject(ws: WebSocket, raw: Duplex, connection: Connection, error: Error): void {
    const socket = new Socket(ws, raw, connection)
    const { code } = toCoordinationError(error)
    this.#services.identity.denials.record(connection, 'connect', code, uuidv7())
    socket.refuse(error)
    socket.close(closeCodeOf(code), code)
  }

  /** What is said to an agent that has as many sockets as it may. */
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
