import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** When a connection breaks: before the database has seen what was asked, or before its answer is seen. */
export type Moment = 'asked' | 'answered'

/** A TCP hop between a server and its database that breaks a connection at a moment a test chooses. */
export class DatabaseHop implements AsyncDisposable {
  readonly #target: URL
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #left = Number.POSITIVE_INFINITY
  #moment: Moment = 'asked'
  /** How often one was broken. */
  cuts = 0

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer({ noDelay: true }, (near) => this.#through(near))
  }

  static async start(target: string): Promise<DatabaseHop> {
    const hop = new DatabaseHop(target)
    hop.#server.listen(0, '127.0.0.1')
    await once(hop.#server, 'listening')
    return hop
  }

  get url(): string {
    const url = new URL(this.#target)
    // Listens on TCP since its start.
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** Breaks the connection at the n-th thing asked on one whose transaction has begun, which counts as the first. */
  cutAt(n: number, moment: Moment): void {
    this.#left = n
    this.#moment = moment
  }

  /** Lets everything through again; whether a connection was broken meanwhile. */
  spare(): boolean {
    const broken = this.#left <= 0
    this.#left = Number.POSITIVE_INFINITY
    return broken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #through(near: Socket): void {
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
    const sever = () => {
      this.cuts += 1
      near.resetAndDestroy()
    }
    let within = false
    let deaf = false
    near.on('data', (data: Buffer) => {
      const text = data.toString('latin1', 5, 13)
      if (text.startsWith('begin')) within = true
      const asked = within
      if (text.startsWith('commit')) within = false
      if (asked) this.#left -= 1
      if (asked && this.#left === 0) {
        deaf = true
        if (this.#moment === 'asked') return sever()
      }
      far.write(data)
    })
    far.on('data', (data: Buffer) => {
      if (deaf) sever()
      else near.write(data)
    })
  }
}
