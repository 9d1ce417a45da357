import { CoordinationError, type ErrorCode, errorCodes } from '@tony/mcp-shared/errors'
import { WebSocket, WebSocketServer } from 'ws'
import { toErrorShape } from '../../guards/errors.ts'
import { uuidv7 } from '../../platform/uuid.ts'

/** Codes of a close that refuses nothing: normal, going away, no code, and a restart. */
const normalCloseCodes: ReadonlySet<number | undefined> = new Set([undefined, 1000, 1001, 1005, 1012])

const isErrorCode = (text: string): text is ErrorCode => errorCodes.some((code) => code === text)

const closeErrorOf = (reason: string): CoordinationError =>
  isErrorCode(reason) ? new CoordinationError(reason, reason) : new CoordinationError('INVALID_INPUT', reason)

/**
 * A WebSocket that sends an error without an id before its close, until it has carried a call.
 * tRPC's client resets its backoff with each socket that opens, and reconnects without a delay
 * unless it gets such a frame. Our client takes the frame as proof that no call was processed.
 */
export class ServerWebSocket extends WebSocket {
  #isFresh = true

  /** Call after a frame of the client has been handled. */
  markUsed(): void {
    this.#isFresh = false
  }

  refuse(error: unknown): void {
    if (!this.#isFresh || this.readyState !== WebSocket.OPEN) return
    this.#isFresh = false
    this.send(JSON.stringify({ id: null, error: toErrorShape(error, uuidv7()) }))
  }

  /** The library closes by this method too, after a frame that it cannot accept. */
  override close(code?: number, data?: string | Buffer): void {
    if (!normalCloseCodes.has(code)) this.refuse(closeErrorOf(String(data ?? '') || `closed with ${code}`))
    super.close(code, data)
  }
}

/** Creates the acceptor of sockets. It closes a socket whose frame is larger than `maxPayload`. */
export const createSocketServer = (maxPayload: number) =>
  new WebSocketServer({
    WebSocket: ServerWebSocket,
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
  })
