import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CoordinationError, type ErrorCode, errorPolicies } from '@tony/mcp-shared/errors'
import type { RawData } from 'ws'
import type { Services } from '../../domain/context.ts'
import type { CallerIdentity } from '../../domain/identity/caller.ts'
import { requireValidPrincipal } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { bearerOf, identifyCaller, projectNameOf } from '../http/identify.ts'
import type { RequestChecks } from '../http/request-checks.ts'
import { parseConnectionParams } from './client-message.ts'
import { closeCodes } from './close-codes.ts'
import type { ServerWebSocket } from './server-web-socket.ts'

/** Time for a refused client to close its half, in milliseconds. */
const closeTimeoutMs = 1_000

/**
 * Frames that wait for the authentication of their caller. The server stops reading at the first
 * one, so more of them are frames of a few bytes that arrived together.
 */
const queuedFrameLimit = 1_024

/** Limit of their bytes, in frames of the largest size. */
const queuedLargeFrameLimit = 2

/** Returns the reason why the connection has no valid principal now; undefined if it has one. */
export function principalErrorOf(connection: Connection): CoordinationError | undefined {
  try {
    requireValidPrincipal(connection)
    return undefined
  } catch (error) {
    return toCoordinationError(error)
  }
}

/**
 * Only a fault of the credential itself is final: a client stops at 4401, and reconnects after the
 * other codes.
 */
export function closeCodeOf(code: ErrorCode): number {
  const { http, retryable } = errorPolicies[code]
  if (http === 429) return closeCodes.flooding
  return retryable ? closeCodes.overloaded : closeCodes.unauthenticated
}

export const toBuffer = (data: RawData): Buffer => {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

/** A frame and whether it is binary. */
export type Frame = readonly [Buffer, boolean]

/** A socket whose caller is identified. */
export interface IdentifiedSocket {
  readonly ws: ServerWebSocket
  readonly raw: Duplex
  readonly connection: Connection
  /** Frames that arrived during the authentication, in order. */
  readonly queuedFrames: readonly Frame[]
}

export interface HandshakeOptions {
  readonly services: Services
  readonly checks: RequestChecks
  readonly connectionOf: (request: IncomingMessage, identity: CallerIdentity) => Connection
  /** Returns the error for an identified caller that may not open another socket. */
  readonly limitErrorOf: (identity: CallerIdentity) => CoordinationError | undefined
  readonly onIdentified: (socket: IdentifiedSocket) => void
}

interface PendingHandshake {
  readonly ws: ServerWebSocket
  readonly raw: Duplex
  readonly request: IncomingMessage
  readonly queuedFrames: Frame[]
  queuedBytes: number
  readonly cancelTimer: () => void
}

/** The upgraded sockets whose caller is not authenticated yet. */
export class Handshakes {
  readonly #options: HandshakeOptions
  readonly #pending = new Set<ServerWebSocket>()

  constructor(options: HandshakeOptions) {
    this.#options = options
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Authenticates the caller by its header or its first frame. */
  begin(ws: ServerWebSocket, raw: Duplex, request: IncomingMessage, expectsConnectionParams: boolean): void {
    const { clock, config } = this.#options.services
    this.#pending.add(ws)
    ws.once('close', () => this.#pending.delete(ws))
    const cancelTimer = clock.timer(config.limits.handshakeMs, () => {
      if (this.#pending.has(ws)) this.#refuse(ws, closeCodes.silent, 'no connectionParams in time')
    })
    const arrival: PendingHandshake = { ws, raw, request, queuedFrames: [], queuedBytes: 0, cancelTimer }
    let isAuthenticating = !expectsConnectionParams
    ws.on('message', (data, isBinary) => {
      if (!this.#pending.has(ws)) return
      if (isAuthenticating) return this.#queue(arrival, [toBuffer(data), isBinary])
      isAuthenticating = true
      this.#receiveParams(arrival, toBuffer(data), isBinary)
    })
    if (!expectsConnectionParams) void this.#authenticate(arrival, bearerOf(request), projectNameOf(request))
  }

  /** Refuses every pending socket, because the server is shutting down. */
  closeAll(): void {
    for (const ws of this.#pending) {
      ws.refuse(new CoordinationError('SHUTTING_DOWN', 'the server is restarting', { retryAfterMs: 1_000 }))
      this.#refuse(ws, closeCodes.restart, 'SHUTTING_DOWN')
      // The server closes now, and the peer may never close its half.
      setImmediate(() => ws.terminate())
    }
  }

  /** Keeps a frame until its caller is known, and reads no further until then. */
  #queue(arrival: PendingHandshake, frame: Frame): void {
    const { ws, queuedFrames } = arrival
    ws.pause()
    queuedFrames.push(frame)
    arrival.queuedBytes += frame[0].length
    const limit = queuedLargeFrameLimit * this.#options.services.config.limits.frameBytes
    if (queuedFrames.length <= queuedFrameLimit && arrival.queuedBytes <= limit) return
    queuedFrames.length = 0
    const message = `at most ${queuedFrameLimit} frames and ${limit} bytes before the authentication is done`
    const error = new CoordinationError('RATE_LIMITED', `${message}: wait for a reply`, { retryAfterMs: 1_000 })
    ws.refuse(error)
    this.#refuse(ws, closeCodeOf(error.code), error.code)
  }

  #receiveParams(arrival: PendingHandshake, data: Buffer, isBinary: boolean): void {
    const { ws, request } = arrival
    if (isBinary) return this.#refuse(ws, 1003, 'text only')
    const params = parseConnectionParams(data.toString('utf8'))
    if (!params) return this.#refuse(ws, closeCodes.malformed, 'the first frame is not connectionParams')
    // With two credentials it would be unclear which of them makes the calls.
    if (params.token !== undefined && request.headers.authorization !== undefined)
      return this.#refuse(ws, closeCodes.malformed, 'send the token once: as a header or in connectionParams')
    void this.#authenticate(arrival, params.token ?? bearerOf(request), params.project)
  }

  async #authenticate(
    arrival: PendingHandshake,
    token: string | undefined,
    project: string | undefined,
  ): Promise<void> {
    const { services, checks, connectionOf, limitErrorOf, onIdentified } = this.#options
    const { ws, raw, request, queuedFrames } = arrival
    arrival.cancelTimer()
    const identity = await identifyCaller(services, checks, { token, project, request })
    if (!this.#pending.delete(ws)) return
    const connection = connectionOf(request, identity)
    const isAnonymous = token === undefined && project === undefined
    const error = (isAnonymous ? undefined : principalErrorOf(connection)) ?? limitErrorOf(identity)
    ws.resume()
    if (!error) return onIdentified({ ws, raw, connection, queuedFrames })
    services.identity.denials.record(connection, 'connect', error.code, uuidv7())
    ws.refuse(error)
    this.#refuse(ws, closeCodeOf(error.code), error.code)
  }

  #refuse(ws: ServerWebSocket, code: number, reason: string): void {
    this.#pending.delete(ws)
    ws.close(code, reason)
    // Unread bytes would turn the end into a reset, and the client could lose the error.
    ws.resume()
    this.#options.services.clock.timer(closeTimeoutMs, () => ws.terminate())
  }
}
