import WebSocket, { type RawData } from 'ws'
import { clientClosed, endedForGood, fromWire, TonyError } from './errors.ts'

export type ConnectionState = 'connecting' | 'open' | 'closed'

export interface Hello {
  readonly token?: string
  readonly project?: string
}

export interface ConnectionOptions {
  /** `ws://host:port/ws` */
  readonly url: string
  /** What the server is told of the caller on each new socket. Rejects when there is nothing to be told any more. */
  readonly hello: () => Promise<Hello>
  /** The token has ended, and `hello` can give another. Without this the end of a token is the end of the connection. */
  readonly onExpired?: () => void
  readonly onOpen: () => void
  readonly onMessage: (message: unknown) => void
  /** The socket is gone; another one is being opened unless `final`. `untouched`: nothing that was sent on it was taken. */
  readonly onLost: (final: TonyError | undefined, untouched: boolean) => void
  /**
   * The server wants its client elsewhere: another socket is being opened. Settles when no more answers are waited for on the
   * old one, or `gone` says that none can come.
   */
  readonly onMoved: (gone: Promise<void>) => Promise<void>
  readonly onState: (state: ConnectionState) => void
}

/** Backoff between attempts to connect: exponential with full jitter. */
const backoff = { initialMs: 100, maximumMs: 5_000 }

/** Silence after which the client pings, and then how long until it gives the socket up. */
const pingMs = 20_000
const pongMs = 10_000

/** Codes with which a server says that trying again is no use: 4401 is a credential it will not take. */
const finalCodes = new Set([4401, 4403])

const maxFrameBytes = 262_144

/** How long the server may take to answer a close before the socket is dropped, so that the process can end. */
const closeWithinMs = 1_000

/** One WebSocket at a time, opened again whenever it is lost. Messages given in one turn travel in one frame. */
export class Connection {
  readonly #options: ConnectionOptions
  #ws: WebSocket | undefined
  #open = false
  #closed = false
  #attempt = 0
  #outgoing: string[] = []
  #lastHeard = 0
  /** What the server said before it closed a socket it will not have. */
  #refusal: string | undefined
  #timer: NodeJS.Timeout | undefined
  #tending: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#connect()
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

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#tending)
    this.#flush()
    this.#open = false
    if (this.#ws) leave(this.#ws)
    this.#options.onLost(clientClosed(), false)
    this.#options.onState('closed')
  }

  #flush(): void {
    const messages = this.#outgoing
    this.#outgoing = []
    if (!this.#open || messages.length === 0) return
    let batch: string[] = []
    let size = 0
    const send = () => {
      if (batch.length > 0) this.#ws?.send(batch.length === 1 ? (batch[0] ?? '') : `[${batch.join(',')}]`)
      batch = []
      size = 0
    }
    for (const message of messages) {
      if (size + message.length > maxFrameBytes) send()
      batch.push(message)
      size += message.length
    }
    send()
  }

  #connect(): void {
    this.#options.onState('connecting')
    this.#options.hello().then(
      (hello) => this.#dial(hello),
      (error: unknown) => this.#end(error instanceof TonyError ? error : clientClosed()),
    )
  }

  #dial(hello: Hello): void {
    if (this.#closed) return
    this.#refusal = undefined
    const ws = new WebSocket(`${this.#options.url}?connectionParams=1`, {
      perMessageDeflate: false,
      maxPayload: 64 * 1_024 * 1_024,
    })
    this.#ws = ws
    ws.on('open', () => {
      ws.send(JSON.stringify({ method: 'connectionParams', data: hello }))
      this.#open = true
      this.#lastHeard = performance.now()
      this.#tend(ws)
      this.#options.onState('open')
      this.#options.onOpen()
    })
    ws.on('message', (data: RawData) => this.#receive(ws, data.toString()))
    // Always followed by `close`, which decides what happens.
    ws.on('error', () => undefined)
    ws.on('close', (code, reason) => this.#lost(ws, code, reason.toString()))
  }

  #receive(ws: WebSocket, text: string): void {
    this.#lastHeard = performance.now()
    if (text === 'PING') return ws.send('PONG')
    if (text === 'PONG') return
    // A connection is proven by an answer on it, not by being open: a server that refuses us closes it again.
    this.#attempt = 0
    const message = parse(text)
    if (message === undefined) return ws.terminate()
    if (isRefusal(message)) this.#refusal = fromWire(message.error).message
    if (!isReconnect(message)) return this.#options.onMessage(message)
    this.#move(ws)
  }

  /** Left at once, not when the close is answered: what is called in between goes to the next socket. */
  #move(ws: WebSocket): void {
    if (this.#ws !== ws || this.#closed) return
    const gone = new Promise<void>((resolve) => ws.once('close', () => resolve()))
    const answered = this.#options.onMoved(gone)
    this.#leave()
    void answered.then(() => leave(ws))
    this.#connectSoon()
  }

  #tend(ws: WebSocket): void {
    clearInterval(this.#tending)
    this.#tending = setInterval(() => {
      const silentMs = performance.now() - this.#lastHeard
      if (silentMs > pingMs + pongMs) ws.terminate()
      else if (silentMs > pingMs) ws.send('PING')
    }, 5_000)
    this.#tending.unref()
  }

  #end(why: TonyError): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.onLost(why, this.#refusal !== undefined)
    this.#options.onState('closed')
  }

  #lost(ws: WebSocket, code: number, reason: string): void {
    if (this.#ws !== ws || this.#closed) return
    this.#leave()
    const { onExpired } = this.#options
    if (code === 4401 && reason === 'TOKEN_EXPIRED' && onExpired) onExpired()
    else if (finalCodes.has(code)) return this.#end(endedForGood(reason, this.#refusal))
    this.#options.onLost(undefined, false)
    this.#connectSoon()
  }

  /** The socket is no longer the one that is used. */
  #leave(): void {
    this.#flush()
    this.#ws = undefined
    this.#open = false
    this.#outgoing = []
    clearInterval(this.#tending)
  }

  #connectSoon(): void {
    const ceiling = Math.min(backoff.maximumMs, backoff.initialMs * 2 ** this.#attempt)
    this.#attempt += 1
    this.#timer = setTimeout(() => this.#connect(), Math.random() * ceiling)
  }
}

function leave(ws: WebSocket): void {
  const timer = setTimeout(() => ws.terminate(), closeWithinMs)
  ws.once('close', () => clearTimeout(timer))
  ws.close(1000)
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
