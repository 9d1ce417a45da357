import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import { createMcpServer } from '@tony/mcp-tools/mcp-server'
import type { Principal } from '../../domain/principal.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { checkWellFormed } from '../../guards/well-formed.ts'
import { version } from '../../platform/version.ts'
import { readBody } from '../http/body.ts'
import { bearerOf, identify, projectOf } from '../http/identify.ts'
import { authenticateHeaders, retryHeaders, sendJson, type TransportContext } from '../http/responses.ts'
import { writeWebResponse } from '../http/web-response.ts'
import { legacyTools } from './legacy.ts'
import { newSessionId, sessionAddressOf } from './session-address.ts'
import { HttpToolSession } from './tool-session.ts'

/** What names a session: the host gets it with the answer to its first request, and shows it with every later one. */
const sessionHeader = 'mcp-session-id'

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

interface Exchange {
  readonly context: TransportContext
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly createToolServer: ToolServerFactory
  /** Aborted when the server is to end. */
  readonly shutdown: AbortSignal
}

/** A page in the developer's browser must not get in by a name that resolves to this machine. */
function requireLocalInDev({ context: { services, checks }, request }: Exchange): void {
  if (services.config.mode === 'dev' && !checks.isLocal(request))
    throw new CoordinationError('FORBIDDEN', 'in dev mode only programs on this machine may call, by a loopback name')
}

async function connectionOf({
  context: { services, log, metrics, checks },
  request,
}: Exchange): Promise<{ connection: Connection; credential: Principal }> {
  const identity = await identify(services, checks, { token: bearerOf(request), project: projectOf(request), request })
  if (!identity.ok) throw identity.error
  const connection = { services, log, metrics, transport: 'mcp' as const, address: checks.addressOf(request), identity }
  return { connection, credential: identity.principal }
}

const initializeParams = (body: unknown): { clientInfo?: unknown } | undefined => {
  const { method, params }: Partial<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {}
  if (method !== 'initialize') return undefined
  return typeof params === 'object' && params !== null ? { ...params } : {}
}

function clientName({ clientInfo }: { clientInfo?: unknown }): unknown {
  return typeof clientInfo === 'object' && clientInfo !== null && 'name' in clientInfo ? clientInfo.name : undefined
}

/** Aborted when the caller has gone. */
function abortOnClose({ response }: Exchange): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

async function handleMcp(exchange: Exchange): Promise<void> {
  const { context, request, response } = exchange
  requireLocalInDev(exchange)
  const { connection, credential } = await connectionOf(exchange)
  const sessionAddress = sessionAddressOf(headerOf(request, 'x-tony-agent'), headerOf(request, sessionHeader))
  const closed = abortOnClose(exchange)
  // Waits end with the server too; what has been asked is still answered.
  const toolSession = new HttpToolSession({
    connection,
    credential,
    sessionAddress,
    signal: AbortSignal.any([closed, exchange.shutdown]),
  })
  if (request.method === 'DELETE') {
    await toolSession.leave()
    return sendJson(response, 200, {})
  }
  const body = request.method === 'POST' ? await readBody(request, context.services.config.limits.bodyBytes) : undefined
  checkWellFormed(body)
  const initialize = initializeParams(body)
  if (initialize && !sessionAddress) response.setHeader(sessionHeader, newSessionId(clientName(initialize)))
  const handler = createMcpHandler(() => exchange.createToolServer(toolSession), {
    onerror: (error) => context.log.debug({ error }, 'mcp'),
  })
  const headers = new Headers({ 'content-type': 'application/json' })
  for (const [name, value] of Object.entries(request.headers))
    if (typeof value === 'string' && name !== sessionHeader) headers.set(name, value)
  // Both, whatever the caller takes: in what form it gets the answer is decided when it is written.
  headers.set('accept', 'application/json, text/event-stream')
  const webRequest = new Request('http://127.0.0.1/mcp', { method: request.method ?? 'GET', headers, signal: closed })
  await writeWebResponse(response, await handler.fetch(webRequest, { parsedBody: body }), request.headers.accept)
}

/** An error of HTTP in the form of JSON-RPC, which hosts read. */
function sendRpcError(response: ServerResponse, thrown: unknown): void {
  const refusal = toCoordinationError(thrown)
  const { code, message, details } = refusal
  const headers = {
    ...retryHeaders(details?.['retryAfterMs']),
    ...authenticateHeaders(refusal, response.req.headers.authorization !== undefined),
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
  const status = errorPolicies[code].http
  const text = status >= 500 && code === 'INTERNAL' ? 'something went wrong inside the server' : message
  sendJson(response, status, { jsonrpc: '2.0', error: { code: -32_000, message: `${code}: ${text}` }, id: null })
}

/** The agents that have come by `/mcp`, for programs that watch. What names their sessions is nobody's to read. */
async function listSessions(exchange: Exchange): Promise<void> {
  requireLocalInDev(exchange)
  const { connection, credential } = await connectionOf(exchange)
  const toolSession = new HttpToolSession({
    connection,
    credential,
    sessionAddress: undefined,
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

const routes: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
  '/mcp': handleMcp,
  '/sessions': listSessions,
}

/** The server that answers for a seat. */
export type ToolServerFactory = (toolSession: HttpToolSession) => McpServer

const createTonyServer: ToolServerFactory = (toolSession) =>
  createMcpServer({ toolSession, version, extraTools: legacyTools(toolSession) })

/** The Model Context Protocol at `/mcp`, and who has come by it at `/sessions`. */
export class McpTransport {
  readonly #context: TransportContext
  readonly #createToolServer: ToolServerFactory
  readonly #shutdown = new AbortController()

  constructor(context: TransportContext, createToolServer: ToolServerFactory = createTonyServer) {
    this.#context = context
    this.#createToolServer = createToolServer
  }

  /** Waits end, and what is still asked is to be asked again: of a replica, or of this server once it has started anew. */
  close(): void {
    this.#shutdown.abort()
  }

  /** False when `path` is not of this surface. */
  handle(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const route = routes[path]
    if (!route) return false
    const shutdown = this.#shutdown.signal
    // Never 404: hosts take that for a session that is over, and give the server up.
    const handled = shutdown.aborted
      ? Promise.reject(new CoordinationError('SHUTTING_DOWN', 'the server is restarting', { retryAfterMs: 1_000 }))
      : route({ context: this.#context, createToolServer: this.#createToolServer, request, response, shutdown })
    handled.catch((error: unknown) => sendRpcError(response, error))
    return true
  }
}
