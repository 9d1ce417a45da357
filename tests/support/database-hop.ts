import type { Socket } from 'node:net'
import { TcpProxy } from './tcp-proxy.ts'

/**
 * The time at which a connection breaks: before the database receives the query, or before its
 * reply arrives.
 */
export type Moment = 'asked' | 'answered'

/**
 * A TCP proxy between a server and its database. It breaks a connection at a point that a test
 * chooses.
 */
export class DatabaseHop implements AsyncDisposable {
  readonly #proxy: TcpProxy
  #left = Number.POSITIVE_INFINITY
  #moment: Moment = 'asked'
  /** The number of broken connections. */
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

  /**
   * Breaks the connection at its n-th query from the start of a transaction on, which counts as the
   * first.
   */
  cutAt(n: number, moment: Moment): void {
    this.#left = n
    this.#moment = moment
  }

  /** Lets all data through again. True if a connection was broken before. */
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
