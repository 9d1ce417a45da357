import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { CoordinationError, errorPolicies } from '@tony/mcp-shared/errors'
import { mcpServer } from '@tony/mcp-tools/serve'
import type { Principal } from '../../domain/principal.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { checkWellFormed } from '../../guards/well-formed.ts'
import { version } from '../../platform/version.ts'
import { readBody } from '../http/body.ts'
import { bearerOf, identify, projectOf } from '../http/identify.ts'
import { challenge, retryHeaders, type Surroundings, sendJson } from '../http/responses.ts'
import { writeAnswer } from '../http/web-response.ts'
import { legacyTools } from './legacy.ts'
import { newSessionId, placeOf } from './session-address.ts'
import { HttpSeat } from './tool-session.ts'

/** What names a session: the host gets it with the answer to its first request, and shows it with every later one. */
const sessionHeader = 'mcp-session-id'

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

interface Exchange {
  readonly surroundings: Surroundings
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly serve: Serve
  /** Aborted when the server is to end. */
  readonly ending: AbortSignal
}

/** A page in the developer's browser must not get in by a name that resolves to this machine. */
function refuseForeign({ surroundings: { parts, gate }, request }: Exchange): void {
  if (parts.config.mode === 'dev' && !gate.isLocal(request))
    throw new CoordinationError('FORBIDDEN', 'in dev mode only programs on this machine may call, by a loopback name')
}

async function connectionOf({
  surroundings: { parts, log, metrics, gate },
  request,
}: Exchange): Promise<{ connection: Connection; credential: Principal }> {
  const identity = await identify(parts, gate, { token: bearerOf(request), project: projectOf(request), request })
  if (!identity.ok) throw identity.error
  const connection = { parts, log, metrics, surface: 'mcp' as const, address: gate.addressOf(request), identity }
  return { connection, credential: identity.principal }
}

const initializing = (body: unknown): { clientInfo?: unknown } | undefined => {
  const { method, params }: Partial<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {}
  if (method !== 'initialize') return undefined
  return typeof params === 'object' && params !== null ? { ...params } : {}
}

function clientName({ clientInfo }: { clientInfo?: unknown }): unknown {
  return typeof clientInfo === 'object' && clientInfo !== null && 'name' in clientInfo ? clientInfo.name : undefined
}

/** Aborted when the caller has gone. */
function untilGone({ response }: Exchange): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}

async function answer(exchange: Exchange): Promise<void> {
  const { surroundings, request, response } = exchange
  refuseForeign(exchange)
  const { connection, credential } = await connectionOf(exchange)
  const place = placeOf(headerOf(request, 'x-tony-agent'), headerOf(request, sessionHeader))
  const gone = untilGone(exchange)
  // Waits end with the server too; what has been asked is still answered.
  const seat = new HttpSeat({ connection, credential, place, signal: AbortSignal.any([gone, exchange.ending]) })
  if (request.method === 'DELETE') {
    await seat.leave()
    return sendJson(response, 200, {})
  }
  const body =
    request.method === 'POST' ? await readBody(request, surroundings.parts.config.limits.bodyBytes) : undefined
  checkWellFormed(body)
  const beginning = initializing(body)
  if (beginning && !place) response.setHeader(sessionHeader, newSessionId(clientName(beginning)))
  const handler = createMcpHandler(() => exchange.serve(seat), {
    onerror: (error) => surroundings.log.debug({ error }, 'mcp'),
  })
  const headers = new Headers({ 'content-type': 'application/json' })
  for (const [name, value] of Object.entries(request.headers))
    if (typeof value === 'string' && name !== sessionHeader) headers.set(name, value)
  // Both, whatever the caller takes: in what form it gets the answer is decided when it is written.
  headers.set('accept', 'application/json, text/event-stream')
  const asked = new Request('http://127.0.0.1/mcp', { method: request.method ?? 'GET', headers, signal: gone })
  await writeAnswer(response, await handler.fetch(asked, { parsedBody: body }), request.headers.accept)
}

/** An error of HTTP in the form of JSON-RPC, which hosts read. */
function refuse(response: ServerResponse, thrown: unknown): void {
  const refusal = toCoordinationError(thrown)
  const { code, message, details } = refusal
  const told = {
    ...retryHeaders(details?.['retryAfterMs']),
    ...challenge(refusal, response.req.headers.authorization !== undefined),
  }
  for (const [name, value] of Object.entries(told)) response.setHeader(name, value)
  if (code === 'PAYLOAD_TOO_LARGE') response.setHeader('connection', 'close')
  const status = errorPolicies[code].http
  const said = status >= 500 && code === 'INTERNAL' ? 'something went wrong inside the server' : message
  sendJson(response, status, { jsonrpc: '2.0', error: { code: -32_000, message: `${code}: ${said}` }, id: null })
}

/** The agents that have come by `/mcp`, for programs that watch. What names their sessions is nobody's to read. */
async function listSessions(exchange: Exchange): Promise<void> {
  refuseForeign(exchange)
  const { connection, credential } = await connectionOf(exchange)
  const seat = new HttpSeat({ connection, credential, place: undefined, signal: untilGone(exchange) })
  const { agents } = await seat.call('agents.list', {})
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
  '/mcp': answer,
  '/sessions': listSessions,
}

/** The server that answers for a seat. */
export type Serve = (seat: HttpSeat) => McpServer

const tony: Serve = (seat) => mcpServer({ seat, version, extra: legacyTools(seat) })

/** The Model Context Protocol at `/mcp`, and who has come by it at `/sessions`. */
export class McpSurface {
  readonly #surroundings: Surroundings
  readonly #serve: Serve
  readonly #ending = new AbortController()

  constructor(surroundings: Surroundings, serve: Serve = tony) {
    this.#surroundings = surroundings
    this.#serve = serve
  }

  /** Waits end, and what is still asked is to be asked again: of a replica, or of this server once it has started anew. */
  close(): void {
    this.#ending.abort()
  }

  /** False when `path` is not of this surface. */
  handle(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const route = routes[path]
    if (!route) return false
    const ending = this.#ending.signal
    // Never 404: hosts take that for a session that is over, and give the server up.
    const answered = ending.aborted
      ? Promise.reject(new CoordinationError('SHUTTING_DOWN', 'the server is restarting', { retryAfterMs: 1_000 }))
      : route({ surroundings: this.#surroundings, serve: this.#serve, request, response, ending })
    answered.catch((error: unknown) => refuse(response, error))
    return true
  }
}
