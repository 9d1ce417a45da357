import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { isAllowed } from '../../domain/principal.ts'
import { validPrincipal } from '../../guards/authenticate.ts'
import { bearerOf, identify } from './identify.ts'
import type { TransportContext } from './responses.ts'

/** As much as a list: reading all gauges is some work. */
const metricsCost = 2

/** Throws for whoever may not see them: in serve mode they are of all projects, and so for who is of all. */
async function requireMetricsAccess(
  { services, log, metrics, checks }: TransportContext,
  request: IncomingMessage,
): Promise<void> {
  if (checks.mayScrape(request)) return
  // A page whose name resolves to this machine is no developer here either.
  if (services.config.mode === 'dev' && checks.isLocal(request)) return
  const identity = await identify(services, checks, { token: bearerOf(request), project: undefined, request })
  const connection = {
    services,
    log,
    metrics,
    transport: 'http' as const,
    address: checks.addressOf(request),
    identity,
  }
  services.identity.rateLimiter.consume(connection, metricsCost)
  const principal = validPrincipal(connection)
  if (principal.role !== 'admin' || !isAllowed(principal, 'system:read'))
    throw new CoordinationError(
      'FORBIDDEN',
      'the metrics are of all projects: for a key with the role admin and the scope system:read',
    )
}

/** `/metrics`, as Prometheus scrapes it. Throws for whoever may not see it. */
export async function sendMetrics(
  context: TransportContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await requireMetricsAccess(context, request)
  const { metrics } = context
  const text = await metrics.exposition()
  response.writeHead(200, { 'content-type': metrics.registry.contentType })
  response.end(text)
}
