import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** One request that a receiver got. */
export interface Received {
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // The bodies of several formats, which each test reads as it expects them.
  readonly body: { readonly [field: string]: unknown }
}

/** Returns the status of the reply to a request, or writes the reply itself. */
export type Answer = (received: Received, response: ServerResponse) => number | undefined

const portOf = (server: Server): number => {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port')
  return address.port
}

/** An endpoint on the loopback. It passes the challenge, and keeps every other request. */
export class WebhookReceiver implements AsyncDisposable {
  readonly received: Received[] = []
  answer: Answer = () => 200
  answerChallenge: Answer = ({ body }, response) => {
    response.end(JSON.stringify({ challenge: body['challenge'] }))
    return undefined
  }
  readonly #server: Server
  readonly #watchers = new Set<() => void>()

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      this.#receive(request, response).catch((error: unknown) => response.destroy(new Error(String(error))))
    })
  }

  static async start(port = 0): Promise<WebhookReceiver> {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new WebhookReceiver(server)
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#server)}/hook`
  }

  /** Waits until this number of requests has come since the start. */
  async until(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#watchers.add(resolve)
      await promise
      this.#watchers.delete(resolve)
    }
    return this.received
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const text = Buffer.concat(chunks).toString('utf8')
    const received = { headers: request.headers, text, body: JSON.parse(text) }
    const isChallenge = received.body.type === 'verification'
    const status = (isChallenge ? this.answerChallenge : this.answer)(received, response)
    if (status !== undefined) response.writeHead(status).end()
    if (isChallenge) return
    this.received.push(received)
    for (const notify of this.#watchers) notify()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/**
 * True if a request has a signature of Standard Webhooks by this secret. It follows the
 * specification and shares no code with the server.
 */
export function isSignedBy(secret: string, { headers, text }: Received): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`
  const expected = `v1,${createHmac('sha256', key).update(content).digest('base64')}`
  return String(headers['webhook-signature']).split(' ').includes(expected)
}
