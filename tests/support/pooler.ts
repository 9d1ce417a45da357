import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Splits the data of a connection into the messages of PostgreSQL's protocol: a type, then a length
 * that includes itself.
 */
class Messages {
  #rest = Buffer.alloc(0)

  take(data: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, data])
    const whole: Buffer[] = []
    while (this.#rest.length >= 5) {
      const length = 1 + this.#rest.readInt32BE(1)
      if (this.#rest.length < length) break
      whole.push(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
    }
    return whole
  }
}

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

const text = (...words: readonly string[]): Buffer => Buffer.from(words.map((word) => `${word}\0`).join(''))
const typeOf = (one: Buffer): string => String.fromCharCode(one[0] ?? 0)
const isIdle = (one: Buffer): boolean => typeOf(one) === 'Z' && one[5] === 'I'.charCodeAt(0)

/** The replies of PostgreSQL to an accepted client. */
const welcome = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('S', text('server_version', '18.0')),
  message('S', text('client_encoding', 'UTF8')),
  message('S', text('standard_conforming_strings', 'on')),
  message('K', Buffer.alloc(8)),
  message('Z', Buffer.from('I')),
])

/** A connection to the database. One client at a time uses it, for one transaction. */
interface Line {
  readonly socket: Socket
  heard: (one: Buffer) => void
}

/**
 * A minimal pooler in transaction mode. Each transaction uses another one of a few connections, and
 * DISCARD ALL then deletes the state of the session: prepared statements, settings and LISTEN.
 */
export class Pooler implements AsyncDisposable {
  readonly #target: URL
  readonly #server: Server
  readonly #lines: Line[] = []
  readonly #free: Line[] = []
  readonly #wanting: ((line: Line) => void)[] = []
  readonly #clients = new Set<Socket>()
  /** The number of transactions. */
  transactions = 0

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer({ noDelay: true }, (client) => this.#serve(client))
  }

  static async start(url: string, lines = 4): Promise<Pooler> {
    const pooler = new Pooler(new URL(url))
    for (let index = 0; index < lines; index += 1) {
      const line = await pooler.#connect()
      pooler.#lines.push(line)
      pooler.#free.push(line)
    }
    pooler.#server.listen(0, '127.0.0.1')
    await once(pooler.#server, 'listening')
    return pooler
  }

  get url(): string {
    const url = new URL(this.#target)
    // The server listens on TCP from its start on, so its address has a port.
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of [...this.#clients, ...this.#lines.map((line) => line.socket)]) socket.destroy()
    await closed
  }

  async #connect(): Promise<Line> {
    const { hostname, port, username, pathname } = this.#target
    const socket = connect({ host: hostname, port: Number(port || 5432), noDelay: true })
    socket.on('error', () => undefined)
    const line: Line = { socket, heard: () => undefined }
    const messages = new Messages()
    socket.on('data', (data: Buffer) => {
      for (const one of messages.take(data)) line.heard(one)
    })
    await once(socket, 'connect')
    const body = text('user', decodeURIComponent(username), 'database', pathname.slice(1), '')
    const head = Buffer.alloc(8)
    head.writeInt32BE(8 + body.length)
    head.writeInt32BE(196_608, 4)
    socket.write(Buffer.concat([head, body]))
    await this.#idle(line)
    return line
  }

  #idle(line: Line): Promise<void> {
    return new Promise((resolve) => {
      line.heard = (one) => {
        if (isIdle(one)) resolve()
      }
    })
  }

  #serve(client: Socket): void {
    this.#clients.add(client)
    client.on('error', () => undefined)
    client.once('close', () => this.#clients.delete(client))
    client.once('data', () => {
      // Every client is accepted, because this is for tests only.
      client.write(welcome)
      void this.#relay(client)
    })
  }

  async #relay(client: Socket): Promise<void> {
    const messages = new Messages()
    let line: Line | undefined
    let taking = false
    /** The number of queries without a complete reply. */
    let open = 0
    let waiting: Buffer[] = []
    const release = () => {
      const done = line
      line = undefined
      if (done) void this.#reset(done)
    }
    const heard = (one: Buffer) => {
      client.write(one)
      if (typeOf(one) === 'Z') open -= 1
      if (isIdle(one) && open === 0) release()
    }
    const send = (one: Buffer) => {
      if ('QS'.includes(typeOf(one))) open += 1
      line?.socket.write(one)
    }
    client.on('data', (data: Buffer) => {
      for (const one of messages.take(data)) {
        if (typeOf(one) === 'X') client.end()
        else if (line) send(one)
        else {
          waiting.push(one)
          if (taking) continue
          taking = true
          void this.#take().then((taken) => {
            taking = false
            line = taken
            taken.heard = heard
            this.transactions += 1
            for (const held of waiting) send(held)
            waiting = []
          })
        }
      }
    })
    await once(client, 'close')
    // A client that leaves during a transaction causes a rollback.
    if (line && open === 0) line.socket.write(message('Q', text('rollback')))
    if (line) await this.#idle(line)
    release()
  }

  #take(): Promise<Line> {
    const line = this.#free.shift()
    return line ? Promise.resolve(line) : new Promise((resolve) => this.#wanting.push(resolve))
  }

  async #reset(line: Line): Promise<void> {
    const idle = this.#idle(line)
    line.socket.write(message('Q', text('discard all')))
    await idle
    const next = this.#wanting.shift()
    if (next) next(line)
    else this.#free.push(line)
  }
}
