import { atEndOfLoopTurn, openRawSocket } from '#runtime'
import { clientClosedError, serverUnreachableError, sessionEndedError, TonyError, toTonyError } from '../api/errors.ts'
import type { ConnectFault } from './connect-fault.ts'
import type { RawSocket } from './raw-socket.ts'
import { jitteredDelayMsOf, type Timer, unrefTimer } from './timers.ts'

/** State of a connection. `connecting` includes the pauses between attempts; `closed` is final. */
export type ConnectionState = 'connecting' | 'open' | 'closed'

/** A change of the connection and its reason. */
export interface StateChange {
  /** The new state. */
  readonly state: ConnectionState
  /** Number of attempts in a row without a reply. */
  readonly attempt: number
  /** Delay before the next attempt, in milliseconds; 0 means at once. */
  readonly retryInMs: number
  /** Reason of the last loss, or of the final close; undefined if the connection is open. */
  readonly reason: string | undefined
}

export interface ConnectionParams {
  readonly token?: string
  readonly project?: string
}

/** Timeouts that detect a dead socket, in milliseconds. */
export interface ConnectionTimeouts {
  /** Silence after which the client pings the server. Default 20 000. */
  readonly pingMs: number
  /** Time for the reply to a ping. Default 10 000. */
  readonly pongMs: number
  /** Time for opening a socket. Default 10 000. */
  readonly connectMs: number
}

export interface ConnectionOptions {
  /** `ws://host:port/ws` */
  readonly url: string
  readonly timeouts: ConnectionTimeouts
  /** False: if the first attempt fails, the connection ends. */
  readonly waitsForServer: boolean
  /**
   * Returns the connection params for each new socket. Rejects if the credential has ended for
   * good.
   */
  readonly getConnectionParams: () => Promise<ConnectionParams>
  /**
   * Called when the token has expired and can be refreshed. Without it an expired token ends the
   * connection.
   */
  readonly onExpired?: () => void
  readonly onOpen: () => void
  readonly onMessage: (message: unknown) => void
  /**
   * Called when the server requests a reconnect. Returns true if calls still wait for a reply on
   * this socket.
   */
  readonly onReconnectRequested: () => boolean
  /** Called when the previous socket is closed. */
  readonly onOldSocketClosed: () => void
  /**
   * Called when the socket is lost. Another one is being opened unless `final` is set. `untouched`
   * is true if the server processed nothing that was sent on it.
   */
  readonly onLost: (final: TonyError | undefined, untouched: boolean) => void
  readonly onState: (change: StateChange) => void
}

/** Backoff between attempts to connect. */
const backoff = { initialMs: 100, maximumMs: 5_000 }

/** Close codes after which a reconnect is useless: 4401 is a rejected credential. */
const finalCloseCodes = new Set([4401, 4403])

const maxFrameLength = 262_144

/**
 * The server refuses a frame with too many calls. Its limit is 1 000 by default and never below
 * this number.
 */
const maxFrameMessages = 500

/** Time that the previous socket stays open for outstanding replies, in milliseconds. */
const oldSocketTimeoutMs = 10_000

/**
 * Keeps one WebSocket open and reopens it after each loss. Messages sent in the same turn of the
 * event loop share a frame, because each frame is a system call here and a read at the server.
 */
export class Connection {
  readonly #options: ConnectionOptions
  #socket: RawSocket | undefined
  /** The previous socket, while replies are outstanding on it. */
  #oldSocket: RawSocket | undefined
  #open = false
  #closed = false
  #hasOpened = false
  #lossReason: string | undefined
  #attempt = 0
  #outgoing: string[] = []
  #lastReceivedAt = 0
  /** The error text that the server sent before it closed a refused socket. */
  #refusal: string | undefined
  #reconnectTimer: Timer | undefined
  #livenessTimer: Timer | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#connect(0)
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Reason of the last loss; undefined if there was none. */
  get lossReason(): string | undefined {
    return this.#lossReason
  }

  /** Sends a message on the open socket. Returns false and drops the message if there is none. */
  send(message: string): boolean {
    if (!this.#open) return false
    this.#outgoing.push(message)
    if (this.#outgoing.length === 1) atEndOfLoopTurn(() => this.#flush())
    return true
  }

  /** Replaces the socket if nothing has arrived on it since `at`, on the clock of `performance`. */
  replaceIfSilentSince(at: number): void {
    if (this.#open && this.#lastReceivedAt < at) this.#socket?.terminate()
  }

  /** Closes the previous socket: every outstanding reply has arrived. */
  closeOldSocket(): void {
    this.#oldSocket?.close()
    this.#oldSocket = undefined
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#reconnectTimer)
    clearTimeout(this.#livenessTimer)
    this.#flush()
    this.#open = false
    this.#socket?.close()
    this.closeOldSocket()
    this.#options.onLost(clientClosedError(), false)
    this.#emitState('closed', 0, 'the client was closed')
  }

  #emitState(state: ConnectionState, retryInMs: number, reason?: string): void {
    this.#options.onState({ state, attempt: this.#attempt, retryInMs, reason })
  }

  #flush(): void {
    const messages = this.#outgoing
    this.#outgoing = []
    if (!this.#open || messages.length === 0) return
    let batch: string[] = []
    let size = 0
    const send = () => {
      if (batch.length > 0) this.#socket?.send(batch.length === 1 ? (batch[0] ?? '') : `[${batch.join(',')}]`)
      batch = []
      size = 0
    }
    for (const message of messages) {
      if (size + message.length > maxFrameLength || batch.length >= maxFrameMessages) send()
      batch.push(message)
      size += message.length
    }
    send()
  }

  #connect(afterMs: number, reason?: string): void {
    this.#emitState('connecting', afterMs, reason)
    const openSocket = () =>
      void this.#options
        .getConnectionParams()
        .then((params) => this.#openSocket(params))
        .catch((error: unknown) => this.#closeForGood(error instanceof TonyError ? error : clientClosedError()))
    if (afterMs === 0) openSocket()
    else this.#reconnectTimer = setTimeout(openSocket, afterMs)
  }

  #openSocket(params: ConnectionParams): void {
    if (this.#closed) return
    this.#refusal = undefined
    const socket: RawSocket = openRawSocket(`${this.#options.url}?connectionParams=1`, {
      onOpen: () => {
        if (this.#socket !== socket || this.#closed) return
        clearTimeout(this.#livenessTimer)
        socket.send(JSON.stringify({ method: 'connectionParams', data: params }))
        this.#open = true
        this.#hasOpened = true
        this.#lastReceivedAt = performance.now()
        this.#checkLiveness(socket)
        this.#emitState('open', 0)
        this.#options.onOpen()
      },
      onText: (text) => this.#receive(socket, text),
      onClose: (code, reason, fault) => this.#handleClose(socket, code, reason, fault),
    })
    this.#socket = socket
    // A server may accept the TCP connection and never answer. Without this timeout the operating
    // system would decide how long to wait.
    this.#livenessTimer = unrefTimer(setTimeout(() => socket.terminate(), this.#options.timeouts.connectMs))
  }

  #receive(socket: RawSocket, text: string): void {
    if (socket === this.#socket) this.#lastReceivedAt = performance.now()
    if (text === 'PING') return socket.send('PONG')
    if (text === 'PONG') return
    // Only a message resets the backoff. An open socket proves nothing, because a server that
    // refuses the client accepts the socket first and then closes it.
    this.#attempt = 0
    const message = parseJson(text)
    if (message === undefined) return socket.terminate()
    if (isRefusalMessage(message)) this.#refusal = toTonyError(message.error).message
    if (!isReconnect(message)) return this.#options.onMessage(message)
    if (socket === this.#socket) this.#switchSocket(socket)
  }

  /** Opens the next socket for new calls. This one is kept for outstanding replies. */
  #switchSocket(socket: RawSocket): void {
    const awaitsReplies = this.#options.onReconnectRequested()
    this.closeOldSocket()
    this.#flush()
    if (awaitsReplies) {
      this.#oldSocket = socket
      unrefTimer(setTimeout(() => socket === this.#oldSocket && socket.terminate(), oldSocketTimeoutMs))
    }
    this.#handleClose(socket, 1000, 'the server asked for another socket')
    if (!awaitsReplies) socket.close()
  }

  #checkLiveness(socket: RawSocket): void {
    const { pingMs, pongMs } = this.#options.timeouts
    const silentMs = performance.now() - this.#lastReceivedAt
    if (silentMs > pingMs + pongMs) return socket.terminate()
    if (silentMs >= pingMs) socket.send('PING')
    this.#livenessTimer = unrefTimer(setTimeout(() => this.#checkLiveness(socket), Math.min(pingMs, pongMs) / 2))
  }

  #closeForGood(error: TonyError): void {
    if (this.#closed) return
    this.#closed = true
    this.closeOldSocket()
    this.#options.onLost(error, this.#refusal !== undefined)
    this.#emitState('closed', 0, error.code === 'CONNECTION_LOST' ? error.message : error.code)
  }

  #handleClose(socket: RawSocket, code: number, reason: string, fault?: ConnectFault): void {
    if (this.#oldSocket === socket && this.#socket !== socket) {
      this.#oldSocket = undefined
      this.#options.onOldSocketClosed()
    }
    if (this.#socket !== socket || this.#closed) return
    this.#socket = undefined
    this.#open = false
    this.#outgoing = []
    clearTimeout(this.#livenessTimer)
    const { onExpired } = this.#options
    if (code === 4401 && reason === 'TOKEN_EXPIRED' && onExpired) onExpired()
    else if (finalCloseCodes.has(code)) return this.#closeForGood(sessionEndedError(reason, this.#refusal))
    const cause = fault?.cause ?? (reason || `the socket was closed with ${code}`)
    // Later the same fault may pass: the server restarts, or a name server is away for a while.
    if (!this.#hasOpened && (fault?.final || !this.#options.waitsForServer))
      return this.#closeForGood(serverUnreachableError(this.#options.url, { cause, final: true }))
    this.#lossReason = cause
    this.#options.onLost(undefined, false)
    const afterMs = jitteredDelayMsOf(backoff, this.#attempt)
    this.#attempt += 1
    this.#connect(afterMs, cause)
  }
}

/** True for an error without the id of a call: it concerns the connection itself. */
const isRefusalMessage = (message: unknown): message is { error: unknown } =>
  typeof message === 'object' && message !== null && 'id' in message && message.id === null && 'error' in message

/**
 * Returns undefined for text that is not JSON. Our server never sends that, so another program has
 * answered.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isReconnect = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'method' in message && message.method === 'reconnect'
