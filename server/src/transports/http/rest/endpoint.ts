import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { runCall } from '../../../api/pipeline.ts'
import { matchRoute, type RestRoute, type RouteMatch } from '../../../api/rest/routes.ts'
import type { Connection } from '../../../guards/call.ts'
import { toCoordinationError } from '../../../guards/errors.ts'
import { uuidv7 } from '../../../platform/uuid.ts'
import { openConnection } from '../open-connection.ts'
import { requestPathOf, setErrorHeaders, type TransportContext } from '../responses.ts'
import { sendEventStream } from './event-stream.ts'
import { readFields } from './fields.ts'
import { readInput } from './input.ts'
import { sendReply } from './output.ts'
import { toProblem } from './problem.ts'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
}

/** Returns the route of a request. Throws NOT_FOUND or METHOD_NOT_ALLOWED. */
function findRoute({ request, response }: Exchange, path: string): { route: RestRoute; fields: RouteMatch['fields'] } {
  const match = matchRoute(path)
  if (!match)
    throw new CoordinationError('NOT_FOUND', `no route at ${path.slice(0, 200)}: /openapi.json lists the paths of /api`)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const route = match.routes.find((one) => one.method === method)
  if (route) return { route, fields: match.fields }
  const allowed = match.routes.map((one) => one.method).join(', ')
  response.setHeader('allow', allowed)
  throw new CoordinationError('METHOD_NOT_ALLOWED', `${match.routes[0]?.path} takes ${allowed}`)
}

async function openRestConnection(context: TransportContext, { request, response }: Exchange): Promise<Connection> {
  const connection = await openConnection(context, request, 'rest')
  const rateHeaders = context.services.identity.rateLimiter.headers(connection)
  for (const [name, value] of Object.entries(rateHeaders)) response.setHeader(name, value)
  return connection
}

async function serve(context: TransportContext, exchange: Exchange): Promise<void> {
  const { request, response, requestId } = exchange
  const { route, fields } = findRoute(exchange, requestPathOf(request))
  const url = new URL(request.url ?? '/', 'http://localhost')
  const limit = context.services.config.limits.bodyBytes
  // Before the call, so that a refused request changes nothing.
  const selected = readFields(url.searchParams, route)
  const rawInput = await readInput(request, route, { query: url.searchParams, fields, limit })
  const connection = await openRestConnection(context, exchange)
  const closed = new AbortController()
  response.once('close', () => closed.abort())
  const { procedure: path, kind } = route
  const call = { connection, requestId, path, kind, rawInput, signal: closed.signal }
  if (kind === 'subscription') return sendEventStream(response, call, connection)
  sendReply(exchange, await runCall(call), { route, url, fields: selected })
}

/** Sends an error as a problem document. A failed `If-Match` is 412, as HTTP requires. */
function sendProblem({ request, response, requestId }: Exchange, thrown: unknown): void {
  if (response.headersSent || response.destroyed) return void response.end()
  setErrorHeaders(response, thrown)
  const { code } = toCoordinationError(thrown)
  const isFailedMatch = code === 'REVISION_CONFLICT' && request.headers['if-match'] !== undefined
  const problem = toProblem(thrown, requestId, isFailedMatch ? 412 : undefined)
  response.writeHead(Number(problem['status']), { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify(problem))
}

/** Serves every procedure over plain HTTP with JSON at `/api`. */
export function handleRest(context: TransportContext, request: IncomingMessage, response: ServerResponse): void {
  const requestId = uuidv7()
  const exchange = { request, response, requestId }
  response.setHeader('x-request-id', requestId)
  serve(context, exchange).catch((error: unknown) => sendProblem(exchange, error))
}
