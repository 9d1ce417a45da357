import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CoordinationError, type ErrorCode, errorPolicies } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Parts } from '../../domain/context.ts'
import { validPrincipal } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { bearerOf, identify, lockedOutMs, projectOf } from '../http/identify.ts'
import type { Gate } from '../http/request-checks.ts'
import { handshakePace, type Pace } from './abuse-detection.ts'
import { closeCodes } from './close-codes.ts'
import { parseConnectionParams } from './incoming.ts'
import { Socket } from './socket.ts'

/** How long a client that was told to move gets before its socket is closed, in milliseconds. */
const handOverMs = 250

/** Between two rounds over all sockets for pings and ended credentials: one timer, not one a socket. */
const tendMs = 1_000

/** Sockets are kept so long while what was revoked cannot be seen; then their clients may find another replica. */
const blindLimitMs = 35_000

/** Refuses an upgrade in HTTP, before there is a WebSocket. */
function refuseUpgrade(raw: Duplex, status: number, retryAfter?: number): void {
  const later = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
  raw.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${later}Connection: close\r\nContent-Length: 0\r\n\r\n`)
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
function closeEnded(socket: Socket): void {
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
export class WebSocketSurface {
  readonly #parts: Parts
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #gate: Gate
  readonly #server: WebSocketServer
  readonly #sockets = new Set<Socket>()
  /** How many of them each agent has. */
  readonly #ofAgents = new Map<string, number>()
  readonly #pace: Pace
  /** Upgraded, and not yet known. */
  #arriving = 0
  #closing = false
  #cancelTending: () => void = () => undefined
  readonly #unwatch: readonly (() => void)[]

  constructor(parts: Parts, log: Log, metrics: Metrics, gate: Gate) {
    this.#parts = parts
    this.#log = log
    this.#metrics = metrics
    this.#gate = gate
    const { frameBytes, handshakesPerSecond } = parts.config.limits
    // As with rates: in dev mode there is nobody to be protected from.
    this.#pace = handshakePace(
      parts.clock,
      parts.config.mode === 'serve' ? handshakesPerSecond : Number.POSITIVE_INFINITY,
    )
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: frameBytes,
      perMessageDeflate: false,
      clientTracking: false,
      autoPong: false,
    })
    this.#unwatch = [
      parts.incarnations.onSupersede((agentId, incarnation) => this.#closeSuperseded(agentId, incarnation)),
      parts.revocations.onRevoke(() => this.#closeRevoked()),
      parts.tokens.keys.onChange(() => {
        for (const socket of this.#sockets) closeEnded(socket)
      }),
    ]
    this.#scheduleTending()
  }

  /** The listener's `upgrade` event. Every way out answers or ends the connection, and nothing it holds can throw. */
  upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    // Before anything else: an error on a socket nobody listens to ends the process.
    raw.on('error', () => raw.destroy())
    const [path, query = ''] = (request.url ?? '').split('?', 2)
    if (path !== '/ws') return refuseUpgrade(raw, 404)
    if (this.#closing || this.#parts.revocations.blind) return refuseUpgrade(raw, 503, this.#later())
    const refusal = this.#gate.refusal(request)
    if (refusal) return refuseUpgrade(raw, errorPolicies[refusal.code].http)
    if (!this.#gate.originAllowed(request)) return refuseUpgrade(raw, 403)
    if (this.#sockets.size + this.#arriving >= this.#parts.config.limits.sockets || !this.#pace.admits())
      return refuseUpgrade(raw, 503, this.#later())
    const lockedMs = lockedOutMs(this.#parts, this.#gate, request)
    if (lockedMs > 0) return refuseUpgrade(raw, 429, Math.ceil(lockedMs / 1_000))
    this.#server.handleUpgrade(request, raw, head, (ws) => {
      ws.on('error', (error) => this.#log.debug({ error }, 'socket error'))
      this.#arrive(ws, raw, request, /(^|&)connectionParams=1(&|$)/.test(query))
    })
  }

  /** In 1 to 5 seconds, so that not all who are turned away come back together. */
  #later(): number {
    return 1 + Math.floor(this.#parts.clock.random() * 5)
  }

  /** Refuses new sockets and sends every open one away, each at a moment of its own within `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#sockets].map((socket) => this.#sendAway(socket, withinMs)))
    this.#cancelTending()
    for (const stop of this.#unwatch) stop()
    this.#server.close()
  }

  /** Not all at once: the other replicas would have to take in every client of this one in the same moment. */
  async #sendAway(socket: Socket, withinMs: number): Promise<void> {
    const { clock } = this.#parts
    await socket.goneWithin(clock.random() * withinMs)
    await socket.sendAway()
    await socket.goneWithin(handOverMs)
    await socket.finish()
  }

  /** Who it is, from its header or its first frame; then a Socket takes over. */
  #arrive(ws: WebSocket, raw: Duplex, request: IncomingMessage, announced: boolean): void {
    this.#arriving += 1
    let arrived = false
    const left = () => {
      if (!arrived) this.#arriving -= 1
      arrived = true
    }
    ws.once('close', left)
    const cancel = this.#parts.clock.timer(this.#parts.config.limits.helloMs, () => {
      if (!arrived) ws.close(closeCodes.silent, 'no connectionParams in time')
    })
    const enter = async (token: string | undefined, project: string | undefined, held: [Buffer, boolean][]) => {
      cancel()
      const identity = await identify(this.#parts, this.#gate, { token, project, request })
      if (arrived) return
      left()
      const connection = {
        parts: this.#parts,
        log: this.#log,
        metrics: this.#metrics,
        surface: 'ws' as const,
        address: this.#gate.addressOf(request),
        identity,
      }
      const refusal = token === undefined && project === undefined ? undefined : refusalOf(connection)
      if (refusal) return this.#turnAway(ws, raw, connection, refusal)
      const crowd = this.#crowd(identity)
      if (crowd) return this.#turnAway(ws, raw, connection, crowd)
      this.#open(ws, raw, connection, held)
    }
    // Frames that come while the identity is being established are held, in order.
    const held: [Buffer, boolean][] = []
    let entering = !announced
    ws.on('message', (data, isBinary) => {
      if (arrived) return
      if (entering) return void held.push([bytesOf(data), isBinary])
      entering = true
      if (isBinary) return ws.close(1003, 'text only')
      const params = parseConnectionParams(bytesOf(data).toString('utf8'))
      if (!params) return ws.close(closeCodes.malformed, 'the first frame is not connectionParams')
      // Two credentials are one too many to say whose calls these are.
      if (params.token !== undefined && request.headers.authorization !== undefined)
        return ws.close(closeCodes.malformed, 'one socket shows one credential')
      void enter(params.token ?? bearerOf(request), params.project, held)
    })
    if (!announced) void enter(bearerOf(request), projectOf(request), held)
  }

  /** A caller that showed a credential, or named a project, and was refused is told why. One that did neither may call what is open. */
  #turnAway(ws: WebSocket, raw: Duplex, connection: Connection, error: Error): void {
    const socket = new Socket(ws, raw, connection)
    const { code } = toCoordinationError(error)
    this.#parts.denials.note(connection, 'connect', code, uuidv7())
    socket.refuse(error)
    socket.close(closeCodeOf(code), code)
  }

  /** What is said to an agent that has as many sockets as it may. */
  #crowd(identity: Connection['identity']): Error | undefined {
    const agent = identity.ok ? identity.principal.agent : undefined
    const most = this.#parts.config.limits.socketsPerAgent
    if (!agent || (this.#ofAgents.get(agent.id) ?? 0) < most) return undefined
    const details = { limit: most, retryAfterMs: this.#later() * 1_000 }
    return new CoordinationError('RATE_LIMITED', `at most ${most} sockets of one agent: close some`, details)
  }

  #count({ connection: { identity } }: Socket, one: 1 | -1): void {
    const agent = identity.ok ? identity.principal.agent : undefined
    if (!agent) return
    const now = (this.#ofAgents.get(agent.id) ?? 0) + one
    if (now > 0) this.#ofAgents.set(agent.id, now)
    else this.#ofAgents.delete(agent.id)
  }

  #open(ws: WebSocket, raw: Duplex, connection: Connection, held: readonly [Buffer, boolean][]): void {
    const socket = new Socket(ws, raw, connection)
    this.#sockets.add(socket)
    this.#count(socket, 1)
    this.#metrics.sockets(this.#sockets.size)
    ws.on('message', (data, isBinary) => socket.receive(bytesOf(data), isBinary))
    ws.on('ping', (data) => socket.pinged(data))
    ws.once('close', () => {
      socket.ended()
      this.#sockets.delete(socket)
      this.#count(socket, -1)
      this.#metrics.sockets(this.#sockets.size)
    })
    for (const [data, isBinary] of held) socket.receive(data, isBinary)
  }

  #closeSuperseded(agentId: string, incarnation: number): void {
    for (const socket of this.#sockets) {
      const { identity } = socket.connection
      const agent = identity.ok ? identity.principal.agent : undefined
      if (agent?.id === agentId && agent.incarnation < incarnation) closeEnded(socket)
    }
  }

  #closeRevoked(): void {
    for (const socket of this.#sockets) {
      const { identity } = socket.connection
      if (identity.ok && this.#parts.revocations.isRevoked(identity.principal)) closeEnded(socket)
    }
  }

  #scheduleTending(): void {
    this.#cancelTending = this.#parts.clock.timer(tendMs, () => {
      for (const socket of this.#sockets) {
        if (this.#parts.revocations.blindMs > blindLimitMs) socket.close(closeCodes.overloaded, 'STORE_UNAVAILABLE')
        else socket.tend()
      }
      this.#scheduleTending()
    })
  }
}
