import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Connects the two sides of one connection: `near` is the client's side, `far` the target's. */
export type Relay = (near: Socket, far: Socket) => void

/** A TCP proxy before a database. The end of one side of a connection ends the other. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: URL
  readonly #relay: Relay
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(target: string, relay: Relay) {
    this.#target = new URL(target)
    this.#relay = relay
    this.#server = createServer({ noDelay: true }, (near) => this.#connect(near))
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** The target's URL with the proxy's port. */
  get url(): string {
    const url = new URL(this.#target)
    // A server that listens on TCP has an address with a port.
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(near: Socket): void {
    const far = connect({ host: this.#target.hostname, port: Number(this.#target.port), noDelay: true })
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    this.#relay(near, far)
  }
}
