import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { procedures, runCall } from '../../api/pipeline.ts'
import type { CompiledProcedure } from '../../api/procedure.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { bodyBytesOf, readBody } from './body.ts'
import { bearerOf, identify, projectOf } from './identify.ts'
import { sendError, sendJson, type TransportContext } from './responses.ts'

interface Route {
  readonly procedure: string
  readonly kind: CompiledProcedure['kind']
  readonly method: string
  readonly path: string
}

const routes = new Map<string, Route>()
for (const [procedure, { kind, meta }] of procedures) {
  if (meta.rest) routes.set(meta.rest.path, { procedure, kind, ...meta.rest })
}

/** Serves the procedures with a `rest` path over plain HTTP. Returns false for any other path. */
export function handleRest(
  { services, log, metrics, checks }: TransportContext,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const route = routes.get((request.url ?? '').split('?', 1)[0] ?? '')
  if (!route) return false
  const requestId = uuidv7()
  const handle = async () => {
    if (request.method !== route.method) {
      response.setHeader('allow', route.method)
      throw new CoordinationError('METHOD_NOT_ALLOWED', `${route.path} takes ${route.method}`)
    }
    if (route.kind === 'subscription') throw new Error(`${route.path} cannot be a subscription`)
    const rawInput = await readBody(request, services.config.limits.bodyBytes)
    const identity = await identify(services, checks, {
      token: bearerOf(request),
      project: projectOf(request),
      request,
    })
    const connection = {
      services,
      log,
      metrics,
      transport: 'rest' as const,
      address: checks.addressOf(request),
      input: services.queuedInputs.open(bodyBytesOf(request, services.config.limits.bodyBytes), services.now()),
      identity,
    }
    const rateHeaders = services.identity.rateLimiter.headers(connection)
    for (const [name, value] of Object.entries(rateHeaders)) response.setHeader(name, value)
    const closed = new AbortController()
    response.once('close', () => closed.abort())
    sendJson(
      response,
      200,
      await runCall({
        connection,
        requestId,
        path: route.procedure,
        kind: route.kind,
        rawInput,
        signal: closed.signal,
      }),
    )
  }
  handle().catch((error: unknown) => sendError(response, error, requestId))
  return true
}
