import type { Duplex } from 'node:stream'
import type { Clock } from '../../platform/clock.ts'

/** Time for a peer to read its last bytes and to close its half, in milliseconds. */
const lingerMs = 1_000

/**
 * Sockets that got their last bytes and whose peer may keep its half open. Node's server does not
 * know a socket after its upgrade, and would wait for the peer forever.
 */
export class HalfOpenSockets {
  readonly #clock: Clock
  readonly #sockets = new Set<Duplex>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Sends a response without a body, and destroys the socket when its peer closes it or after a
   * second. `status` is the number and its text; `header` is a line with its end.
   */
  refuse(socket: Duplex, status: string, header = ''): void {
    this.#sockets.add(socket)
    const cancel = this.#clock.timer(lingerMs, () => socket.destroy())
    socket.once('close', () => {
      cancel()
      this.#sockets.delete(socket)
    })
    // Unread bytes would turn the close into a reset, and the peer could lose the reply.
    socket.resume()
    socket.end(`HTTP/1.1 ${status}\r\n${header}Connection: close\r\nContent-Length: 0\r\n\r\n`)
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
