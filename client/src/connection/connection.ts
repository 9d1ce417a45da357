import { openRawSocket } from '#host'
import { clientClosed, fromWire, sessionEnded, TonyError } from '../api/errors.ts'
import type { RawSocket } from './raw-socket.ts'
import { jitteredDelayMs, type Timer, unrefTimer } from './timers.ts'

export type ConnectionState = 'connecting' | 'open' | 'closed'

/** What has become of the connection, and why. */
export interface StateChange {
  readonly state: ConnectionState
  /** How often it has been tried in a row without an answer. */
  readonly attempt: number
  /** Until it is tried again, in milliseconds; 0 for at once. */
  readonly retryInMs: number
  /** Why the one before was lost, or why there will be no other. */
  readonly reason: string | undefined
}

export interface ConnectionParams {
  readonly token?: string
  readonly project?: string
}

/** When a socket is taken for dead. All in milliseconds. */
export interface ConnectionTimeouts {
  /** Silence after which the client asks whether the server is there. Default 20 000. */
  readonly pingMs: number
  /** How long the answer to that may take. Default 10 000. */
  readonly pongMs: number
  /** How long opening a socket may take. Default 10 000. */
  readonly connectMs: number
}

export interface ConnectionOptions {
  /** `ws://host:port/ws` */
  readonly url: string
  readonly timeouts: ConnectionTimeouts
  /** What the server is told of the caller on each new socket. Rejects when there is nothing to be told any more. */
  readonly getConnectionParams: () => Promise<ConnectionParams>
  /** The token has ended, and `hello` can give another. Without this the end of a token is the end of the connection. */
  readonly onExpired?: () => void
  readonly onOpen: () => void
  readonly onMessage: (message: unknown) => void
  /** The server asks for another socket. Whether something is still owed an answer on this one. */
  readonly onReconnectRequested: () => boolean
  /** A socket that was moved from is gone. */
  readonly onOldSocketClosed: () => void
  /** The socket is gone; another one is being opened unless `final`. `untouched`: nothing that was sent on it was taken. */
  readonly onLost: (final: TonyError | undefined, untouched: boolean) => void
  readonly onState: (change: StateChange) => void
}

/** Backoff between attempts to connect. */
const backoff = { initialMs: 100, maximumMs: 5_000 }

/** Codes with which a server says that trying again is no use: 4401 is a credential it will not take. */
const finalCodes = new Set([4401, 4403])

const maxFrameBytes = 262_144

/** A server refuses a frame with more calls than it likes, by default 1 000 and never fewer than this. */
const maxFrameMessages = 500

/** How long a socket that was moved from is kept for the answers still owed on it. */
const oldSocketTimeoutMs = 10_000

/** One WebSocket at a time, opened again whenever it is lost. Messages given in one turn travel in one frame. */
export class Connection {
  readonly #options: ConnectionOptions
  #socket: RawSocket | undefined
  /** The one before, while answers are owed on it. */
  #oldSocket: RawSocket | undefined
  #open = false
  #closed = false
  #attempt = 0
  #outgoing: string[] = []
  #lastReceivedAt = 0
  /** What the server said before it closed a socket it will not have. */
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

  /** Sends a message on the open socket; false, and nothing is kept, when there is none. */
  send(message: string): boolean {
    if (!this.#open) return false
    this.#outgoing.push(message)
    if (this.#outgoing.length === 1) queueMicrotask(() => this.#flush())
    return true
  }

  /** Everything owed on the socket that was moved from has been answered. */
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
    this.#options.onLost(clientClosed(), false)
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
      if (size + message.length > maxFrameBytes || batch.length >= maxFrameMessages) send()
      batch.push(message)
      size += message.length
    }
    send()
  }

  #connect(afterMs: number, reason?: string): void {
    this.#emitState('connecting', afterMs, reason)
    const dial = () =>
      void this.#options
        .getConnectionParams()
        .then((hello) => this.#dial(hello))
        .catch((error: unknown) => this.#end(error instanceof TonyError ? error : clientClosed()))
    if (afterMs === 0) dial()
    else this.#reconnectTimer = setTimeout(dial, afterMs)
  }

  #dial(params: ConnectionParams): void {
    if (this.#closed) return
    this.#refusal = undefined
    const socket: RawSocket = openRawSocket(`${this.#options.url}?connectionParams=1`, {
      onOpen: () => {
        if (this.#socket !== socket || this.#closed) return
        clearTimeout(this.#livenessTimer)
        socket.send(JSON.stringify({ method: 'connectionParams', data: params }))
        this.#open = true
        this.#lastReceivedAt = performance.now()
        this.#checkLiveness(socket)
        this.#emitState('open', 0)
        this.#options.onOpen()
      },
      onText: (text) => this.#receive(socket, text),
      onClose: (code, reason) => this.#handleClose(socket, code, reason),
    })
    this.#socket = socket
    // One that is taken and never answered would otherwise be waited for as long as the network likes.
    this.#livenessTimer = unrefTimer(setTimeout(() => socket.terminate(), this.#options.timeouts.connectMs))
  }

  #receive(socket: RawSocket, text: string): void {
    if (socket === this.#socket) this.#lastReceivedAt = performance.now()
    if (text === 'PING') return socket.send('PONG')
    if (text === 'PONG') return
    // A connection is proven by an answer on it, not by being open: a server that refuses us closes it again.
    this.#attempt = 0
    const message = parse(text)
    if (message === undefined) return socket.terminate()
    if (isRefusal(message)) this.#refusal = fromWire(message.error).message
    if (!isReconnect(message)) return this.#options.onMessage(message)
    if (socket === this.#socket) this.#switchSocket(socket)
  }

  /** What is called from now on goes to the next socket. This one is kept for what must be answered on it. */
  #switchSocket(socket: RawSocket): void {
    const owed = this.#options.onReconnectRequested()
    this.closeOldSocket()
    this.#flush()
    if (owed) {
      this.#oldSocket = socket
      unrefTimer(setTimeout(() => socket === this.#oldSocket && socket.terminate(), oldSocketTimeoutMs))
    }
    this.#handleClose(socket, 1000, 'the server asked for another socket')
    if (!owed) socket.close()
  }

  #checkLiveness(socket: RawSocket): void {
    const { pingMs, pongMs } = this.#options.timeouts
    const silentMs = performance.now() - this.#lastReceivedAt
    if (silentMs > pingMs + pongMs) return socket.terminate()
    if (silentMs >= pingMs) socket.send('PING')
    this.#livenessTimer = unrefTimer(setTimeout(() => this.#checkLiveness(socket), Math.min(pingMs, pongMs) / 2))
  }

  #end(why: TonyError): void {
    if (this.#closed) return
    this.#closed = true
    this.closeOldSocket()
    this.#options.onLost(why, this.#refusal !== undefined)
    this.#emitState('closed', 0, why.code)
  }

  #handleClose(socket: RawSocket, code: number, reason: string): void {
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
    else if (finalCodes.has(code)) return this.#end(sessionEnded(reason, this.#refusal))
    this.#options.onLost(undefined, false)
    const afterMs = jitteredDelayMs(backoff, this.#attempt)
    this.#attempt += 1
    this.#connect(afterMs, reason || `the socket was closed with ${code}`)
  }
}

/** An error that belongs to no call is about the connection itself. */
const isRefusal = (message: unknown): message is { error: unknown } =>
  typeof message === 'object' && message !== null && 'id' in message && message.id === null && 'error' in message

/** Undefined for what is not JSON: nothing our server sends, so something else answers there. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isReconnect = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'method' in message && message.method === 'reconnect'
