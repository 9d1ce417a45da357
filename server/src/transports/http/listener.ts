import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import type { Parts } from '../../domain/context.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { McpSurface } from '../mcp/endpoint.ts'
import { WebSocketSurface } from '../ws/endpoint.ts'
import { certificateOf, watchCertificate } from './certificate.ts'
import { handleCors } from './cors.ts'
import { handleProbe } from './probes.ts'
import { sendPublicKeys } from './public-keys.ts'
import { Gate } from './request-checks.ts'
import { pathOf, securityHeaders, sendError } from './responses.ts'
import { handleRest } from './rest.ts'
import { trpcHttp } from './trpc.ts'

const yearSeconds = 31_536_000

const settings: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  // Others, `h2c` of a Java client for instance, are ignored as HTTP asks, and the request is answered.
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
}

/** What Node's parser gives up on, where 400 is not the answer. */
const statusOf: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** The port cannot be listened on, with what to do about it. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** One listener for every surface. */
export class Listener {
  readonly #parts: Parts
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #gate: Gate
  readonly #server: Server
  readonly #sockets: WebSocketSurface
  readonly #mcp: McpSurface
  readonly #trpc: (request: IncomingMessage, response: ServerResponse) => void
  #ready = false
  /** Looks at once for what may have been renewed: the certificate. */
  readonly reload: () => void = () => undefined

  constructor(parts: Parts, log: Log, metrics: Metrics) {
    this.#parts = parts
    this.#log = log
    this.#metrics = metrics
    this.#gate = new Gate(parts.config)
    this.#trpc = trpcHttp(parts, log, metrics, this.#gate)
    this.#sockets = new WebSocketSurface(parts, log, metrics, this.#gate)
    const certificate = certificateOf(parts.config)
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response)
    this.#server = certificate
      ? createSecureServer({ ...settings, ...certificate }, handle)
      : createServer(settings, handle)
    this.#server.maxConnections = parts.config.limits.connections
    if (certificate) this.reload = watchCertificate(parts, this.#server, log, certificate)
    this.#mcp = new McpSurface({ parts, log, metrics, gate: this.#gate })
    this.#server.on('upgrade', (request, raw, head) => this.#sockets.upgrade(request, raw, head))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, raw) => {
      const status = (error.code !== undefined && statusOf[error.code]) || '400 Bad Request'
      if (raw.writable) raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      else raw.destroy()
    })
  }

  /** Listens, and gives the address callers use. */
  async open(): Promise<string> {
    const { host, port } = this.#parts.config
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)))
      this.#server.listen(port, host, resolve)
    })
    this.#ready = true
    const address = this.#server.address()
    return `${this.#parts.config.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${isInfo(address) ? address.port : port}`
  }

  async close(): Promise<void> {
    this.#ready = false
    this.#mcp.close()
    // Listening meanwhile: whoever balances the load hears that this one is not ready, and what it still sends is answered.
    await this.#sockets.close(this.#parts.config.drainMs)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    this.#parts.clock.timer(2_000, () => this.#server.closeAllConnections())
    await closed
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of securityHeaders) response.setHeader(name, value)
    if (this.#parts.config.tls) response.setHeader('strict-transport-security', `max-age=${yearSeconds}`)
    // The next request of this connection is for another replica.
    if (!this.#ready) response.setHeader('connection', 'close')
    const path = pathOf(request)
    const surroundings = { parts: this.#parts, log: this.#log, metrics: this.#metrics, gate: this.#gate }
    if (handleProbe(surroundings, () => this.#ready, request, response)) return
    const refusal = this.#gate.refusal(request)
    if (refusal) return sendError(response, refusal, uuidv7())
    if (handleCors(this.#gate, request, response)) return
    if (path === '/.well-known/jwks.json') return sendPublicKeys(this.#parts, request, response)
    if (this.#mcp.handle(path, request, response)) return
    if (path.startsWith('/trpc/')) return this.#trpc(request, response)
    if (handleRest(surroundings, request, response)) return
    sendError(response, new CoordinationError('NOT_FOUND', `nothing is at ${path.slice(0, 200)}`), uuidv7())
  }
}

const isInfo = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new ListenError(
      `port ${port} is in use: stop what listens there (lsof -i :${port}), or set MCP_PORT to another`,
    )
  }
  if (error.code === 'EACCES')
    return new ListenError(`not allowed to listen on port ${port}: set MCP_PORT to one above 1023`)
  return new ListenError(`cannot listen on ${host}:${port}: ${error.message}`)
}
