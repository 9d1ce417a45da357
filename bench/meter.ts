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
    this.#proxy = new TcpProxy(target, (client, database) => this.#relay(client, database))
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

  #relay(client: Socket, database: Socket): void {
    const counter = new TransactionCounter((pid) => this.#locksOf(pid))
    client.on('data', (data: Buffer) => void counter.onQuery(data, (message) => database.write(message)))
    database.on('data', (data: Buffer) => {
      const ended = counter.onReply(data)
      if (ended) this.transactions.push(ended)
      client.write(data)
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
class TransactionCounter {
  readonly #locksOf: (pid: number) => Promise<number>
  #pid = 0
  #awaitsReply = false
  #roundTrips = 0
  #locks = 0
  #inTransaction = false
  #committing = false
  /** Keeps the messages of the connection in order. */
  #lastMessage = Promise.resolve()

  constructor(locksOf: (pid: number) => Promise<number>) {
    this.#locksOf = locksOf
  }

  onQuery(data: Buffer, pass: (data: Buffer) => void): Promise<void> {
    this.#lastMessage = this.#lastMessage.then(async () => {
      if (isQuery(data, 'begin')) {
        this.#inTransaction = true
        this.#roundTrips = 0
      }
      if (this.#inTransaction && isQuery(data, 'commit')) {
        this.#locks = await this.#locksOf(this.#pid)
        this.#committing = true
      }
      if (!this.#awaitsReply) this.#roundTrips += 1
      this.#awaitsReply = true
      pass(data)
    })
    return this.#lastMessage
  }

  /** Returns the transaction that this reply ends; undefined if it ends none. */
  onReply(data: Buffer): Transaction | undefined {
    // The first replies contain BackendKeyData, with the process id of the connection.
    const key = this.#pid === 0 ? data.indexOf(Buffer.from([75, 0, 0, 0])) : -1
    if (key >= 0) this.#pid = data.readUInt32BE(key + 5)
    this.#awaitsReply = false
    if (!this.#committing) return undefined
    this.#committing = false
    this.#inTransaction = false
    return { roundTrips: this.#roundTrips, locks: this.#locks }
  }
}
