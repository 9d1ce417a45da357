import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { CoordinationError, errorPolicies, internalErrorMessage } from '@tony/mcp-shared/errors'
import { createMcpServer } from '@tony/mcp-tools/mcp-server'
import type { CallerIdentity } from '../../domain/identity/caller.ts'
import type { Principal } from '../../domain/principal.ts'
import type { Connection } from '../../guards/call.ts'
import { checkCaller } from '../../guards/caller.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { checkWellFormed } from '../../guards/well-formed.ts'
import { yieldToEventLoop } from '../../platform/clock.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { version } from '../../platform/version.ts'
import { readBody } from '../http/body.ts'
import { openConnection } from '../http/open-connection.ts'
import { retryHeaders, sendJson, type TransportContext, wwwAuthenticateHeadersOf } from '../http/responses.ts'
import { writeWebResponse } from '../http/web-response.ts'
import { addEventHandlers } from './events/handlers.ts'
import { isStreamRequest, serveEventStream } from './events/stream.ts'
import { createLegacyTools } from './legacy.ts'
import { requestAddressOf, sessionHeader } from './request-address.ts'
import { withHandle } from './session-handle.ts'
import { HttpToolSession } from './tool-session.ts'
import { commentIntervalOf, waitLimitOf } from './wait-limit.ts'

interface Exchange {
  readonly context: TransportContext
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly createToolServer: ToolServerFactory
  /** Aborts when the server shuts down. */
  readonly shutdown: AbortSignal
}

/**
 * Returns the caller's principal. Throws without one, and in dev mode also for a page in the
 * developer's browser that reaches this machine by a name that resolves to it.
 */
function requirePrincipal({ context: { services, checks }, request }: Exchange, identity: CallerIdentity): Principal {
  if (services.config.mode === 'dev' && !checks.isLocal(request))
    throw new CoordinationError('FORBIDDEN', 'in dev mode only programs on this machine may call, by a loopback name')
  if (!identity.ok) throw identity.error
  return identity.principal
}

async function openMcpConnection(
  exchange: Exchange,
  path: 'mcp' | 'sessions',
): Promise<{ connection: Connection; credential: Principal }> {
  const connection = await openConnection(exchange.context, exchange.request, 'mcp')
  const { identity } = connection
  // A caller with a principal pays for the calls of its request.
  const caller = { connection, requestId: uuidv7(), path, cost: identity.ok ? 0 : 1 }
  return { connection, credential: checkCaller(caller, () => requirePrincipal(exchange, identity)) }
}

/** Returns a signal that aborts when the caller disconnects. */
function abortOnClose({ response }: Exchange): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

/**
 * Yields to the event loop before each message of a batch. The library begins all messages at once,
 * and their reads on SQLite run without a break: a heartbeat on another connection had to wait for
 * a hundred of them.
 */
function yieldBetweenMessages(server: McpServer): McpServer {
  const connect = server.connect.bind(server)
  server.connect = async (transport) => {
    await connect(transport)
    const { onmessage, onerror } = transport
    let last = Promise.resolve()
    transport.onmessage = (message, extra) => {
      const begin = last.then(yieldToEventLoop).then(() => onmessage?.(message, extra))
      last = begin.catch((error: unknown) => onerror?.(new Error('a message of a batch failed', { cause: error })))
    }
  }
  return server
}

async function handleMcp(exchange: Exchange): Promise<void> {
  const { context, request, response } = exchange
  const { services } = context
  const { connection, credential } = await openMcpConnection(exchange, 'mcp')
  const body = request.method === 'POST' ? await readBody(request, services.config.limits.bodyBytes) : undefined
  checkWellFormed(body)
  const { address, newSession, handle, needsHandle } = requestAddressOf(services.identity.pepper, request, body)
  const closed = abortOnClose(exchange)
  // A shutdown ends the waits too; other calls are still answered.
  const toolSession = new HttpToolSession({
    connection,
    credential,
    sessionAddress: address,
    handle: needsHandle ? { value: handle } : undefined,
    maxWaitMs: waitLimitOf(request),
    signal: AbortSignal.any([closed, exchange.shutdown]),
  })
  await toolSession.requireOpen()
  if (request.method === 'DELETE') {
    await toolSession.leave()
    return sendJson(response, 200, {})
  }
  if (isStreamRequest(body)) return serveEventStream(toolSession, response, body)
  if (newSession !== undefined) response.setHeader(sessionHeader, newSession)
  const createServer = () => {
    const server = exchange.createToolServer(toolSession)
    return Array.isArray(body) ? yieldBetweenMessages(server) : server
  }
  const handler = createMcpHandler(createServer, {
    onerror: (error) => context.log.debug({ error }, 'mcp'),
    keepAliveMs: commentIntervalOf(body),
  })
  const headers = new Headers({ 'content-type': 'application/json' })
  for (const [name, value] of Object.entries(request.headers))
    if (typeof value === 'string' && name !== sessionHeader) headers.set(name, value)
  // Both forms, regardless of the caller: `writeWebResponse` chooses the form of the reply.
  headers.set('accept', 'application/json, text/event-stream')
  const webRequest = new Request('http://127.0.0.1/mcp', { method: request.method ?? 'GET', headers, signal: closed })
  const webResponse = await handler.fetch(webRequest, { parsedBody: body })
  await writeWebResponse(response, webResponse, { accept: request.headers.accept, isBatch: Array.isArray(body) })
}

/** Sends an HTTP error in the form of JSON-RPC, which hosts read. */
function sendRpcError(response: ServerResponse, thrown: unknown): void {
  const refusal = toCoordinationError(thrown)
  const { code, message, details } = refusal
  const headers = {
    ...retryHeaders(details?.['retryAfterMs']),
    ...wwwAuthenticateHeadersOf(refusal, response.req.headers.authorization !== undefined),
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
  const status = errorPolicies[code].http
  const text = status >= 500 && code === 'INTERNAL' ? internalErrorMessage : message
  sendJson(response, status, { jsonrpc: '2.0', error: { code: -32_000, message: `${code}: ${text}` }, id: null })
}

/**
 * Lists the agents that joined over `/mcp`, for monitoring programs. Their session ids are secrets
 * and are left out.
 */
async function listSessions(exchange: Exchange): Promise<void> {
  const { connection, credential } = await openMcpConnection(exchange, 'sessions')
  const toolSession = new HttpToolSession({
    connection,
    credential,
    sessionAddress: undefined,
    handle: undefined,
    maxWaitMs: 0,
    signal: abortOnClose(exchange),
  })
  const { agents } = await toolSession.call('agents.list', {})
  const sessions = agents
    .filter(({ metadata }) => metadata['over'] === 'mcp')
    .map(({ id, name, status, registeredAt, lastActivityAt }) => ({
      agentId: id,
      name,
      status,
      createdAt: registeredAt,
      lastActivity: lastActivityAt,
    }))
  sendJson(exchange.response, 200, { sessions, count: sessions.length })
}

const handlerByPath: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
  '/mcp': handleMcp,
  '/sessions': listSessions,
}

/** Creates the MCP server for a tool session. */
export type ToolServerFactory = (toolSession: HttpToolSession) => McpServer

const createTonyServer: ToolServerFactory = (toolSession) => {
  const server = createMcpServer({
    toolSession,
    version,
    extraTools: createLegacyTools(toolSession),
    hostName: toolSession.hostName,
    adaptTool: toolSession.handle && withHandle(toolSession.handle),
  })
  addEventHandlers(server, toolSession)
  return server
}

/** Serves the Model Context Protocol at `/mcp` and the list of its agents at `/sessions`. */
export class McpTransport {
  readonly #context: TransportContext
  readonly #createToolServer: ToolServerFactory
  readonly #shutdown = new AbortController()

  constructor(context: TransportContext, createToolServer: ToolServerFactory = createTonyServer) {
    this.#context = context
    this.#createToolServer = createToolServer
  }

  /**
   * Ends all waits. Later requests are refused as retryable: a replica, or this server after its
   * restart, can answer them.
   */
  close(): void {
    this.#shutdown.abort()
  }

  /** Handles a request. Returns false if `path` belongs to another transport. */
  handle(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const route = handlerByPath[path]
    if (!route) return false
    const shutdown = this.#shutdown.signal
    // Not 404: a host takes it for an ended session and stops using the server.
    const handled = shutdown.aborted
      ? Promise.reject(new CoordinationError('SHUTTING_DOWN', 'the server is restarting', { retryAfterMs: 1_000 }))
      : route({ context: this.#context, createToolServer: this.#createToolServer, request, response, shutdown })
    handled.catch((error: unknown) => sendRpcError(response, error))
    return true
  }
}
