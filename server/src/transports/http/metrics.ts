import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { isAllowed } from '../../domain/principal.ts'
import { requireValidPrincipal } from '../../guards/authenticate.ts'
import { checkCaller } from '../../guards/caller.ts'
import { metricFormats } from '../../platform/metrics.ts'
import { bearerOf, identifyCaller } from './identify.ts'
import type { TransportContext } from './responses.ts'

/** The cost of a list call: reading all gauges takes some work. */
const metricsCost = 2

/**
 * Throws if the caller may not read the metrics. In serve mode they cover all projects, so they
 * need a scraper's address or the role admin.
 */
async function requireMetricsAccess(
  { services, log, metrics, checks }: TransportContext,
  request: IncomingMessage,
  requestId: string,
): Promise<void> {
  if (checks.mayScrape(request)) return
  // `isLocal` also refuses a page whose host name resolves to this machine.
  if (services.config.mode === 'dev' && checks.isLocal(request)) return
  const identity = await identifyCaller(services, checks, { token: bearerOf(request), project: undefined, request })
  const connection = {
    services,
    log,
    metrics,
    transport: 'http' as const,
    address: checks.addressOf(request),
    identity,
  }
  checkCaller({ connection, requestId, path: 'metrics', cost: metricsCost }, () => {
    const principal = requireValidPrincipal(connection)
    if (principal.role !== 'admin' || !isAllowed(principal, 'system:read'))
      throw new CoordinationError(
        'FORBIDDEN',
        'the metrics cover all projects: use a key with the role admin and the scope system:read, or call from MCP_METRICS_CIDRS',
      )
  })
}

/**
 * Sends the metrics (`/metrics`) in the format of Prometheus, or in that of OpenMetrics if it is
 * asked for. Throws if the caller may not read them.
 */
export async function sendMetrics(
  context: TransportContext,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  await requireMetricsAccess(context, request, requestId)
  const { metrics } = context
  const format = /application\/openmetrics-text/.test(request.headers.accept ?? '') ? 'openMetrics' : 'prometheus'
  const text = await metrics.exposition(format)
  response.writeHead(200, { 'content-type': metricFormats[format] })
  response.end(text)
}
