import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** The faults of a network that the proxy can cause. */
export type Fault = 'reset' | 'half-open' | 'blackhole' | 'stall' | 'duplicate'

export const faults: readonly Fault[] = ['reset', 'half-open', 'blackhole', 'stall', 'duplicate']

interface Pair {
  readonly near: Socket
  /** The sockets to the server. The second one gets duplicates, and its replies are dropped. */
  readonly far: readonly Socket[]
  /** True if no data passes any more: bytes were lost, and TCP never continues after that. */
  dead: boolean
}

const reached = (port: number, hostname: string): Socket => {
  const socket = connect(port, hostname)
  socket.on('error', () => undefined)
  return socket
}

/** A real TCP proxy between a client and a server that simulates the faults of a network. */
export class Weather implements AsyncDisposable {
  readonly #target: URL
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #dark = false
  #stalled = false
  #doubling = false
  /** The number of connections so far. */
  connections = 0

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((near) => this.#through(near))
  }

  static async start(target: string): Promise<Weather> {
    const weather = new Weather(target)
    weather.#server.listen(0, '127.0.0.1')
    await once(weather.#server, 'listening')
    return weather
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  }

  strike(fault: Fault): void {
    switch (fault) {
      case 'reset':
        for (const { near, far } of this.#pairs) for (const socket of [near, ...far]) socket.resetAndDestroy()
        return
      case 'half-open':
        // The server's side is closed, and the client is not notified.
        for (const pair of this.#pairs) {
          this.#pairs.delete(pair)
          pair.near.removeAllListeners('data')
          pair.near.resume()
          for (const socket of pair.far) socket.resetAndDestroy()
        }
        return
      case 'blackhole':
        this.#dark = true
        for (const pair of this.#pairs) pair.dead = true
        return
      case 'stall':
        this.#stalled = true
        for (const { near, far } of this.#pairs) for (const socket of [near, ...far]) socket.pause()
        return
      case 'duplicate':
        this.#doubling = true
        this.strike('reset')
    }
  }

  /**
   * Lets new data pass. Lost bytes stay lost with their connection, and stalled connections
   * continue.
   */
  clear(): void {
    this.#dark = false
    this.#doubling = false
    this.#stalled = false
    for (const { near, far } of this.#pairs) for (const socket of [near, ...far]) socket.resume()
  }

  #through(near: Socket): void {
    this.connections += 1
    near.on('error', () => undefined)
    if (this.#dark) return void near.resume()
    const { hostname, port } = this.#target
    const far = Array.from({ length: this.#doubling ? 2 : 1 }, () => reached(Number(port), hostname))
    const pair: Pair = { near, far, dead: false }
    this.#pairs.add(pair)
    near.on('data', (chunk) => {
      if (!pair.dead) for (const socket of far) socket.write(chunk)
    })
    far[0]?.on('data', (chunk) => {
      if (!pair.dead) near.write(chunk)
    })
    far[1]?.resume()
    if (this.#stalled) for (const socket of [near, ...far]) socket.pause()
    const end = () => {
      if (!this.#pairs.delete(pair)) return
      for (const socket of [near, ...far]) socket.destroy()
    }
    near.on('close', end)
    far[0]?.on('close', end)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.strike('reset')
    this.#server.close()
  }
}
