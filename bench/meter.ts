import type { Socket } from 'node:net'
import { Client } from 'pg'
import { TcpProxy } from '../tests/support/tcp-proxy.ts'

/** The cost of one transaction, measured on its connection. */
export interface Transaction {
  /** Number of waits for the database. */
  readonly roundTrips: number
  /** Number of locks at the commit, without row locks, which are in the WAL. */
  readonly locks: number
}

const isQuery = (data: Buffer, text: string): boolean =>
  data[0] === 'Q'.charCodeAt(0) && data.toString('latin1', 5, 5 + text.length) === text

/**
 * A proxy between servers and their database that counts the cost of each transaction. It delays a
 * commit until the locks of its connection are counted, so that they cannot change during the
 * count.
 */
export class Meter implements AsyncDisposable {
  readonly #proxy: TcpProxy
  readonly #admin: Client
  transactions: Transaction[] = []

  private constructor(target: string, admin: Client) {
    this.#admin = admin
    this.#proxy = new TcpProxy(target, (near, far) => this.#relay(near, far))
  }

  static async start(target: string): Promise<Meter> {
    const admin = new Client(target)
    await admin.connect()
    const meter = new Meter(target, admin)
    await meter.#proxy.listen()
    return meter
  }

  get url(): string {
    return this.#proxy.url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]()
    await this.#admin.end()
  }

  #relay(near: Socket, far: Socket): void {
    const count = new Counting((pid) => this.#locksOf(pid))
    near.on('data', (data: Buffer) => void count.asked(data, (passed) => far.write(passed)))
    far.on('data', (data: Buffer) => {
      const ended = count.answered(data)
      if (ended) this.transactions.push(ended)
      near.write(data)
    })
  }

  async #locksOf(pid: number): Promise<number> {
    const { rows } = await this.#admin.query<{ locks: number }>(
      "select count(*)::int as locks from pg_locks where pid = $1 and locktype <> 'virtualxid'",
      [pid],
    )
    return rows[0]?.locks ?? Number.NaN
  }
}

/** The counters of one connection. */
class Counting {
  readonly #locksOf: (pid: number) => Promise<number>
  #pid = 0
  #asking = false
  #roundTrips = 0
  #locks = 0
  #within = false
  #ending = false
  /** Keeps the messages of the connection in order. */
  #turn = Promise.resolve()

  constructor(locksOf: (pid: number) => Promise<number>) {
    this.#locksOf = locksOf
  }

  asked(data: Buffer, pass: (data: Buffer) => void): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (isQuery(data, 'begin')) {
        this.#within = true
        this.#roundTrips = 0
      }
      if (this.#within && isQuery(data, 'commit')) {
        this.#locks = await this.#locksOf(this.#pid)
        this.#ending = true
      }
      if (!this.#asking) this.#roundTrips += 1
      this.#asking = true
      pass(data)
    })
    return this.#turn
  }

  /** Returns the transaction that this reply ends; undefined if it ends none. */
  answered(data: Buffer): Transaction | undefined {
    // The first replies contain BackendKeyData, with the process id of the connection.
    const key = this.#pid === 0 ? data.indexOf(Buffer.from([75, 0, 0, 0])) : -1
    if (key >= 0) this.#pid = data.readUInt32BE(key + 5)
    this.#asking = false
    if (!this.#ending) return undefined
    this.#ending = false
    this.#within = false
    return { roundTrips: this.#roundTrips, locks: this.#locks }
  }
}
