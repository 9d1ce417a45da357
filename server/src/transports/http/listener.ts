import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Services } from '../../domain/context.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { sendAgentCard } from '../a2a/card.ts'
import { handleA2a } from '../a2a/endpoint.ts'
import { McpTransport } from '../mcp/endpoint.ts'
import { WebSocketTransport } from '../ws/endpoint.ts'
import { readCertificate, watchCertificate } from './certificate.ts'
import { handleCors } from './cors.ts'
import { handleDashboard } from './dashboard.ts'
import { sendDirectory } from './directory.ts'
import { HalfOpenSockets } from './half-open-sockets.ts'
import { handleProbe } from './probes.ts'
import { sendPublicKeys } from './public-keys.ts'
import { RequestChecks } from './request-checks.ts'
import { requestPathOf, securityHeaders, sendError } from './responses.ts'
import { sendRestDescription } from './rest/description.ts'
import { handleRest } from './rest/endpoint.ts'
import { sendRestPage } from './rest/page.ts'
import { SlowResponses } from './slow-responses.ts'
import { createTrpcHandler } from './trpc.ts'

const yearSeconds = 31_536_000

const serverOptions: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  // Other protocols, such as `h2c` of a Java client, are ignored as HTTP requires, and the request
  // gets its normal reply.
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
}

/** Status lines for the parser errors of Node that are not a 400. */
const statusByErrorCode: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** The server cannot listen on the port. The message names the fix. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** The one listener for every transport. */
export class Listener {
  readonly #services: Services
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #checks: RequestChecks
  readonly #server: Server
  readonly #halfOpen: HalfOpenSockets
  readonly #slowResponses: SlowResponses
  /** Every connection, with those that Node's server no longer knows or does not know yet. */
  readonly #connections = new Set<Socket>()
  readonly #webSockets: WebSocketTransport
  readonly #mcp: McpTransport
  readonly #trpc: (request: IncomingMessage, response: ServerResponse) => void
  #ready = false
  /** Reads the certificate files again at once. */
  readonly reload: () => void = () => undefined

  constructor(services: Services, log: Log, metrics: Metrics) {
    this.#services = services
    this.#log = log
    this.#metrics = metrics
    this.#checks = new RequestChecks(services.config)
    this.#trpc = createTrpcHandler({ services, log, metrics, checks: this.#checks })
    this.#halfOpen = new HalfOpenSockets(services.clock)
    this.#slowResponses = new SlowResponses(services.clock, services.config.limits, () => metrics.countSlowConsumer())
    this.#webSockets = new WebSocketTransport({ services, log, metrics, checks: this.#checks }, this.#halfOpen)
    const certificate = readCertificate(services.config)
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response)
    this.#server = certificate
      ? createSecureServer({ ...serverOptions, ...certificate }, handle)
      : createServer(serverOptions, handle)
    this.#server.maxConnections = services.config.limits.connections
    if (certificate) this.reload = watchCertificate(services, this.#server, log, certificate)
    this.#mcp = new McpTransport({ services, log, metrics, checks: this.#checks })
    this.#server.on('upgrade', (request, raw, head) => this.#webSockets.upgrade(request, raw, head))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, raw) => {
      const status = (error.code !== undefined && statusByErrorCode[error.code]) || '400 Bad Request'
      if (!raw.writable) raw.destroy()
      else this.#halfOpen.refuse(raw, status)
    })
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket)
      socket.once('close', () => this.#connections.delete(socket))
    })
  }

  /** Starts to listen and returns the URL for callers. */
  async open(): Promise<string> {
    const { host, port } = this.#services.config
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(toListenError(error, host, port)))
      this.#server.listen(port, host, resolve)
    })
    this.#ready = true
    const address = this.#server.address()
    return `${this.#services.config.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${isAddressInfo(address) ? address.port : port}`
  }

  async close(): Promise<void> {
    this.#ready = false
    this.#mcp.close()
    // The server still listens during the drain: a load balancer reads from `/readyz` that it is
    // not ready, and late requests are answered.
    await this.#webSockets.close(this.#services.config.drainMs)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    this.#halfOpen.destroyAll()
    this.#services.clock.timer(2_000, () => {
      for (const socket of this.#connections) socket.destroy()
    })
    await closed
    this.#slowResponses.close()
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.#slowResponses.watch(response)
    for (const [name, value] of securityHeaders) response.setHeader(name, value)
    if (this.#services.config.tls) response.setHeader('strict-transport-security', `max-age=${yearSeconds}`)
    // Makes the client send its next request to another replica.
    if (!this.#ready) response.setHeader('connection', 'close')
    const path = requestPathOf(request)
    const context = { services: this.#services, log: this.#log, metrics: this.#metrics, checks: this.#checks }
    if (handleProbe(context, () => this.#ready, request, response)) return
    const refusal = this.#checks.check(request)
    if (refusal) return sendError(response, refusal, uuidv7())
    if (handleCors(this.#checks, request, response)) return
    if (handleDashboard(path, request, response)) return
    if (path === '/') return sendDirectory(this.#services, request, response)
    if (path === '/openapi.json') return sendRestDescription(request, response)
    if (path === '/docs' || path === '/docs/') return sendRestPage(request, response)
    if (path === '/.well-known/jwks.json') return sendPublicKeys(this.#services, request, response)
    if (path === '/.well-known/agent-card.json') return sendAgentCard(this.#services.config, request, response)
    // Some clients append a slash to the address of the card.
    if (path === '/a2a' || path === '/a2a/') return handleA2a(context, request, response)
    if (this.#mcp.handle(path, request, response)) return
    if (path.startsWith('/trpc/')) return this.#trpc(request, response)
    if (path.startsWith('/api/')) return handleRest(context, request, response)
    sendError(
      response,
      new CoordinationError('NOT_FOUND', `no route at ${path.slice(0, 200)}: GET / lists what is there`),
      uuidv7(),
    )
  }
}

const isAddressInfo = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null

function toListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new ListenError(
      `port ${port} is in use: stop what listens there (lsof -i :${port}), or set MCP_PORT to another`,
    )
  }
  if (error.code === 'EACCES')
    return new ListenError(`not allowed to listen on port ${port}: set MCP_PORT to one above 1023`)
  return new ListenError(`cannot listen on ${host}:${port}: ${error.message}`)
}
