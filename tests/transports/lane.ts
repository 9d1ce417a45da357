import { WebSocket } from 'ws'
import type { Hostile, Mutator } from './mutator.ts'
import { type Reply, Wire } from './wire.ts'

/** The number of hostile frames before the lane checks that the server still replies. */
const burst = 25

/** Checks that a reply has none of the forbidden contents, for any input. */
function examine(text: string, sent: readonly Hostile[]): void {
  if (!text.includes('"INTERNAL"') && !text.includes('"stack"')) return
  const { error }: Reply = JSON.parse(text)
  if (error?.data['code'] === 'INTERNAL' || text.includes('"stack":')) {
    const tail = sent
      .map((frame) => ('text' in frame ? frame.text.slice(0, 2_000) : frame.raw.toString('hex')))
      .join('\n')
    throw new Error(`${text}\nafter one of:\n${tail}`)
  }
}

/** Sends hostile frames over one socket after another. */
export class Lane {
  readonly #url: string
  readonly #mutator: Mutator
  readonly #identity: () => Promise<string | undefined>
  #wire: Wire | undefined
  #bursts = 0
  /** The number of calls of the lane itself, which are not hostile. */
  own = 0

  /** Asks for another identity when a hostile frame has cost the lane its present one. */
  constructor(url: string, mutator: Mutator, identity: () => Promise<string | undefined>) {
    this.#url = url
    this.#mutator = mutator
    this.#identity = identity
  }

  async burst(): Promise<void> {
    const wire = await this.#open()
    const sent: Hostile[] = []
    for (let count = 0; count < burst; count += 1) {
      const frame = this.#mutator.next()
      sent.push(frame)
      if ('text' in frame) wire.ws.send(frame.text)
      else wire.ws.send(frame.raw, { binary: frame.binary })
      if (!('text' in frame)) await this.#settled(wire)
      if (wire.ws.readyState !== WebSocket.OPEN) break
    }
    this.sent += sent.length
    await this.#settled(wire)
    for (const text of wire.texts) examine(text, sent)
    wire.texts.length = 0
    this.#bursts += 1
    if (this.#bursts % 20 === 0) wire.ws.terminate()
  }

  sent = 0

  /** Resolves once the server has answered all frames or closed the socket because of one. */
  async #settled(wire: Wire): Promise<void> {
    if (wire.ws.readyState !== WebSocket.OPEN) return void (await wire.closed)
    this.own += 1
    const probe = `probe ${this.own}`
    const answered = new Promise<void>((resolve) => {
      const look = (data: Buffer) => {
        if (!data.includes(probe)) return
        wire.ws.off('message', look)
        resolve()
      }
      wire.ws.on('message', look)
    })
    wire.send({ id: probe, method: 'query', params: { path: 'system.info' } })
    await Promise.race([answered, wire.closed])
  }

  async #open(): Promise<Wire> {
    if (this.#wire?.ws.readyState === WebSocket.OPEN) return this.#wire
    const token = await this.#identity()
    if (token !== undefined) this.own += 1
    this.#wire = await Wire.open(this.#url, { connectionParams: token === undefined ? {} : { token } })
    return this.#wire
  }

  close(): void {
    this.#wire?.ws.terminate()
  }
}
