import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import { procedures, runCall } from '../../api/pipeline.ts'
import type { Compiled } from '../../api/procedure.ts'
import { readBody } from './body.ts'
import { bearerOf, identify, projectOf } from './identify.ts'
import { type Surroundings, sendError, sendJson } from './responses.ts'

interface Route {
  readonly procedure: string
  readonly kind: Compiled['kind']
  readonly method: string
  readonly path: string
}

const routes = new Map<string, Route>()
for (const [procedure, { kind, meta }] of procedures) {
  if (meta.rest) routes.set(meta.rest.path, { procedure, kind, ...meta.rest })
}

/** Plain HTTP for the procedures whose meta names a path. False when there is no such path. */
export function handleRest(
  { parts, log, metrics, gate }: Surroundings,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const route = routes.get((request.url ?? '').split('?', 1)[0] ?? '')
  if (!route) return false
  const requestId = uuidv7()
  const answer = async () => {
    if (request.method !== route.method) {
      response.setHeader('allow', route.method)
      throw new CoordinationError('METHOD_NOT_ALLOWED', `${route.path} takes ${route.method}`)
    }
    if (route.kind === 'subscription') throw new Error(`${route.path} cannot be a subscription`)
    const rawInput = await readBody(request, parts.config.limits.bodyBytes)
    const identity = await identify(parts, gate, { token: bearerOf(request), project: projectOf(request), request })
    const connection = { parts, log, metrics, surface: 'rest' as const, address: gate.addressOf(request), identity }
    const spend = parts.rates.headers(connection)
    for (const [name, value] of Object.entries(spend)) response.setHeader(name, value)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    sendJson(
      response,
      200,
      await runCall({ connection, requestId, path: route.procedure, kind: route.kind, rawInput, signal: gone.signal }),
    )
  }
  answer().catch((error: unknown) => sendError(response, error, requestId))
  return true
}
