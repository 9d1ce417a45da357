import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ClientOptions, WebSocket } from 'ws'

/** One message of the server as it arrived. */
export interface Reply {
  readonly id?: number | string | null
  readonly method?: string
  readonly result?: { readonly type: string; readonly id?: string; readonly data?: unknown }
  readonly error?: { readonly message: string; readonly code: number; readonly data: Readonly<Record<string, unknown>> }
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

export interface WireOptions extends ClientOptions {
  /** The connection params: the first frame. The address of the socket announces them. */
  readonly connectionParams?: { readonly token?: unknown; readonly project?: string }
  /** True if the address announces connection params that the test itself sends. */
  readonly announced?: boolean
}

export const socketUrl = (url: string): string => `${url.replace('http', 'ws')}/ws`

/**
 * A socket of tRPC's WebSocket protocol without a client library: it sends exactly the frames of
 * the test.
 */
export class Wire implements Disposable {
  readonly ws: WebSocket
  /** All received messages, PING and PONG included. */
  readonly texts: string[] = []
  readonly closed: Promise<Closed>
  #read = 0
  #wake: () => void = () => undefined
  #lastId = 1_000

  private constructor(ws: WebSocket) {
    this.ws = ws
    // The event `close` reports a reset too.
    ws.on('error', () => undefined)
    ws.on('message', (data) => {
      this.texts.push(data.toString())
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        this.#wake()
      })
    })
  }

  static async open(
    url: string,
    { connectionParams, announced = connectionParams !== undefined, ...options }: WireOptions = {},
  ): Promise<Wire> {
    const wire = new Wire(new WebSocket(`${socketUrl(url)}${announced ? '?connectionParams=1' : ''}`, options))
    await once(wire.ws, 'open')
    if (connectionParams) wire.send({ method: 'connectionParams', data: connectionParams })
    return wire
  }

  send(message: unknown): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Returns the next text. Throws if the socket closes first. */
  async text(): Promise<string> {
    for (;;) {
      const text = this.texts[this.#read]
      if (text !== undefined) {
        this.#read += 1
        return text
      }
      if (this.ws.readyState === WebSocket.CLOSED) throw new Error('the socket was closed')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Returns the next message that is neither PING nor PONG. */
  async next(): Promise<Reply> {
    for (;;) {
      const text = await this.text()
      if (text === 'PING' || text === 'PONG') continue
      const reply: Reply = JSON.parse(text)
      return reply
    }
  }

  /** Returns the next message with this id and drops the messages before it. */
  async of(id: number | string | null): Promise<Reply> {
    for (;;) {
      const reply = await this.next()
      if (reply.id === id) return reply
    }
  }

  /** Drops all messages received so far. */
  forget(): void {
    this.texts.length = 0
    this.#read = 0
  }

  call(path: string, method: 'query' | 'mutation', input: unknown): Promise<Reply> {
    this.#lastId += 1
    this.send({ id: this.#lastId, method, params: { path, input } })
    return this.of(this.#lastId)
  }

  /** True if this socket still answers. */
  async answers(): Promise<boolean> {
    return (await this.call('system.info', 'query', undefined)).result?.type === 'data'
  }

  [Symbol.dispose](): void {
    this.ws.terminate()
  }
}

/** Returns the code of an error frame. */
export const codeOf = (reply: Reply): unknown => reply.error?.data['code']

/** Opens a TCP connection to a server, for bytes that no library sends. */
export async function tcp(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Sends bytes and returns everything received until the server closes the connection. */
export async function exchange(url: string, bytes: string | Buffer): Promise<string> {
  const socket = await tcp(url)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const closed = once(socket, 'close')
  socket.write(bytes)
  await closed
  return Buffer.concat(chunks).toString('latin1')
}

/** Returns the status of an HTTP reply that `exchange` returned. */
export const statusIn = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

export const upgradeRequest = (headers: Readonly<Record<string, string>> = {}, path = '/ws'): string => {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** Returns a WebSocket frame of a client, well formed or not. */
export function clientFrame(
  opcode: number,
  payload: Buffer | string,
  { masked = true, fin = true, reserved = 0 }: { masked?: boolean; fin?: boolean; reserved?: number } = {},
): Buffer {
  const body = Buffer.from(payload)
  const extended = body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8
  const header = Buffer.alloc(2 + extended)
  header[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  header[1] = (masked ? 0x80 : 0) | (extended === 0 ? body.length : extended === 2 ? 126 : 127)
  if (extended === 2) header.writeUInt16BE(body.length, 2)
  if (extended === 8) header.writeBigUInt64BE(BigInt(body.length), 2)
  if (!masked) return Buffer.concat([header, body])
  const mask = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([header, mask, body.map((byte, index) => byte ^ (mask[index % 4] ?? 0))])
}

/** Returns the lengths of the header and the payload of the frame at `at`. */
function extentOf(frames: Buffer, at: number): { header: number; length: number } {
  const short = (frames[at + 1] ?? 0) & 0x7f
  if (short < 126) return { header: 2, length: short }
  if (short === 126) return { header: 4, length: frames.readUInt16BE(at + 2) }
  return { header: 10, length: frames.readUInt32BE(at + 6) }
}

function closeCodeIn(answer: Buffer): number | undefined {
  const start = answer.indexOf('\r\n\r\n')
  const frames = answer.subarray(start + 4)
  for (let at = 0; start > 0 && at + 4 <= frames.length; ) {
    const { header, length } = extentOf(frames, at)
    if (((frames[at] ?? 0) & 0x0f) === 8) return frames.readUInt16BE(at + header)
    at += header + length
  }
  return undefined
}

/**
 * Upgrades the connection, sends `bytes` after it, and returns the code with which the server
 * closes it.
 */
export async function closeCodeAfter(url: string, bytes: Buffer): Promise<number | undefined> {
  const socket = await tcp(url)
  socket.write(Buffer.concat([Buffer.from(upgradeRequest()), bytes]))
  let answer = Buffer.alloc(0)
  for await (const chunk of socket) {
    answer = Buffer.concat([answer, chunk])
    const code = closeCodeIn(answer)
    if (code !== undefined) return code
  }
  return undefined
}
