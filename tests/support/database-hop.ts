import type { Socket } from 'node:net'
import { TcpProxy } from './tcp-proxy.ts'

/** When a connection breaks: before the database has seen what was asked, or before its answer is seen. */
export type Moment = 'asked' | 'answered'

/** A TCP hop between a server and its database that breaks a connection at a moment a test chooses. */
export class DatabaseHop implements AsyncDisposable {
  readonly #proxy: TcpProxy
  #left = Number.POSITIVE_INFINITY
  #moment: Moment = 'asked'
  /** How often one was broken. */
  cuts = 0

  private constructor(target: string) {
    this.#proxy = new TcpProxy(target, (near, far) => this.#relay(near, far))
  }

  static async start(target: string): Promise<DatabaseHop> {
    const hop = new DatabaseHop(target)
    await hop.#proxy.listen()
    return hop
  }

  get url(): string {
    return this.#proxy.url
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
    await this.#proxy[Symbol.asyncDispose]()
  }

  #relay(near: Socket, far: Socket): void {
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
