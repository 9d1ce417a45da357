import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A real TCP proxy between a client and a server. It simulates faults of a network: it cuts
 * connections, drops replies, stalls and refuses.
 */
export class Hop implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #target: () => string
  #refusing = false
  #silent: (() => void) | undefined
  #emptied: () => void = () => undefined
  /** The number of connections that were accepted. */
  connections = 0
  /** Called with each accepted connection. */
  onConnection: () => void = () => undefined
  /** Called with the bytes that a client sends. */
  onRequest: (bytes: Buffer) => void = () => undefined
  /** Called with each connection that was broken at once. */
  onRefusal: () => void = () => undefined

  private constructor(target: () => string) {
    this.#target = target
    this.#server = createServer((near) => this.#through(near))
  }

  static async start(target: string | (() => string)): Promise<Hop> {
    const hop = new Hop(typeof target === 'string' ? () => target : target)
    hop.#server.listen(0, '127.0.0.1')
    await once(hop.#server, 'listening')
    return hop
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  }

  /** Breaks every connection without a close frame. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }

  /** Breaks each new connection at once, until `accept`. */
  refuse(): void {
    this.#refusing = true
  }

  accept(): void {
    this.#refusing = false
    this.#silent = undefined
  }

  /** Drops replies from now on. Resolves when the first one was dropped. */
  loseAnswers(): Promise<void> {
    return new Promise((resolve) => {
      this.#silent = resolve
    })
  }

  /** Resolves once no connection is open. */
  async idle(): Promise<void> {
    while (this.#pairs.size > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
    }
  }

  #through(near: Socket): void {
    near.on('error', () => undefined)
    if (this.#refusing) {
      near.resetAndDestroy()
      return this.onRefusal()
    }
    this.connections += 1
    const { hostname, port } = new URL(this.#target())
    const far = connect(Number(port), hostname)
    far.on('error', () => undefined)
    const pair = [near, far] as const
    this.#pairs.add(pair)
    near.on('data', (chunk: Buffer) => {
      this.onRequest(chunk)
      far.write(chunk)
    })
    far.on('data', (chunk) => {
      if (this.#silent) this.#silent()
      else near.write(chunk)
    })
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('end', () => to.end())
      from.on('close', () => {
        to.destroy()
        this.#pairs.delete(pair)
        this.#emptied()
      })
    }
    this.onConnection()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
