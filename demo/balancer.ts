import { once } from 'node:events'
import { get } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Interval of the readiness checks and timeout of one, in milliseconds. */
const checkIntervalMs = 200
const checkTimeoutMs = 1_000

interface Backend {
  readonly port: number
  ready: boolean
  connections: number
}

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/readyz', agent: false, timeout: checkTimeoutMs },
      (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      },
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })

/** Resolves with the connected socket; with undefined if the connection fails. */
const connectTo = (port: number): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', () => resolve(undefined))
    socket.once('connect', () => resolve(socket))
  })

/**
 * A plain balancer of TCP connections, as usual in front of replicas. It does not inspect the
 * traffic. It checks the readiness of each server, and a new connection goes to the ready server
 * with the fewest connections.
 */
export class Balancer implements AsyncDisposable {
  readonly #backends: readonly Backend[]
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #readinessTimer: NodeJS.Timeout | undefined

  private constructor(ports: readonly number[]) {
    this.#backends = ports.map((port) => ({ port, ready: false, connections: 0 }))
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => void this.#accept(client))
  }

  /** Starts a balancer for servers on these ports of this machine. */
  static async start(ports: readonly number[], port = 0): Promise<Balancer> {
    const balancer = new Balancer(ports)
    balancer.#server.listen(port, '127.0.0.1')
    await once(balancer.#server, 'listening')
    await balancer.#checkReadiness()
    balancer.#readinessTimer = setInterval(() => void balancer.#checkReadiness(), checkIntervalMs)
    return balancer
  }

  get url(): string {
    // The server listens on TCP, so its address is an AddressInfo.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Number of connections of each server. */
  get connections(): readonly number[] {
    return this.#backends.map(({ connections }) => connections)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#readinessTimer)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #checkReadiness(): Promise<void> {
    await Promise.all(
      this.#backends.map(async (backend) => {
        backend.ready = await isReady(backend.port)
      }),
    )
  }

  async #accept(client: Socket): Promise<void> {
    this.#track(client)
    const ready = this.#backends.filter((backend) => backend.ready)
    // If no server is ready, any may be used: a busy one replies late, and a refusal would not
    // help.
    const usable = ready.length > 0 ? ready : this.#backends
    const candidates = usable.toSorted((a, b) => a.connections - b.connections)
    for (const backend of candidates) {
      backend.connections += 1
      const upstream = await connectTo(backend.port)
      if (upstream) return this.#pipe(client, upstream, backend)
      backend.connections -= 1
      backend.ready = false
    }
    client.destroy()
  }

  #pipe(client: Socket, upstream: Socket, backend: Backend): void {
    this.#track(upstream)
    upstream.once('close', () => {
      backend.connections -= 1
      client.destroy()
    })
    client.once('close', () => upstream.destroy())
    if (client.destroyed) return void upstream.destroy()
    client.pipe(upstream)
    upstream.pipe(client)
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    // The `close` event handles a broken connection.
    socket.on('error', () => undefined)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
