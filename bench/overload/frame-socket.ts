import { request } from 'node:http'
import type { Socket } from 'node:net'

const [short, medium] = [126, 127] as const

/** A text frame of a client. With a mask of zeros its bytes are those of the text. */
function maskedFrame(text: string): string {
  const length = text.length < short ? [text.length] : [short, text.length >> 8, text.length & 0xff]
  return String.fromCharCode(0x81, 0x80 | (length[0] ?? 0), ...length.slice(1), 0, 0, 0, 0) + text
}

/**
 * A client of WebSockets for the frames of this bench: ASCII texts below 64 KiB in one piece. With
 * the library `ws` the load needed as much CPU time as the server, of whose two cores it took one.
 */
export class FrameSocket {
  readonly #socket: Socket
  #rest: Buffer
  #unsent = ''
  onText: (text: string) => void = () => undefined

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket
    this.#rest = head
    socket.setNoDelay(true)
    socket.on('data', (data) => this.#receive(data))
  }

  static open(url: string, token: string): Promise<FrameSocket> {
    const headers = {
      authorization: `Bearer ${token}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    }
    return new Promise((resolve, reject) => {
      request(url, { headers })
        .on('upgrade', (_, socket, head) => resolve(new FrameSocket(socket as Socket, head)))
        .on('response', ({ statusCode }) => reject(new Error(`a socket was refused with ${statusCode}`)))
        .on('error', reject)
        .end()
    })
  }

  /** Sends a text, together with the others of this loop turn. */
  send(text: string): void {
    if (this.#unsent === '')
      setImmediate(() => {
        this.#socket.write(this.#unsent, 'latin1')
        this.#unsent = ''
      })
    this.#unsent += maskedFrame(text)
  }

  #receive(data: Buffer): void {
    const all = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let at = 0
    while (all.length - at >= 4) {
      const first = all[at + 1] ?? 0
      if (first >= medium) throw new Error('a frame has more than 64 KiB')
      const header = first === short ? 4 : 2
      const end = at + header + (first === short ? all.readUInt16BE(at + 2) : first)
      if (end > all.length) break
      if (all[at] === 0x81) this.onText(all.toString('latin1', at + header, end))
      at = end
    }
    this.#rest = all.subarray(at)
  }
}
