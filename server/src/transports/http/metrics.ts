import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { may } from '../../domain/principal.ts'
import { validPrincipal } from '../../guards/authenticate.ts'
import { bearerOf, identify } from './identify.ts'
import type { Surroundings } from './responses.ts'

/** As much as a list: reading all gauges is some work. */
const cost = 2

/** Throws for whoever may not see them: in serve mode they are of all projects, and so for who is of all. */
async function requireReader({ parts, log, metrics, gate }: Surroundings, request: IncomingMessage): Promise<void> {
  if (gate.mayScrape(request)) return
  // A page whose name resolves to this machine is no developer here either.
  if (parts.config.mode === 'dev' && gate.isLocal(request)) return
  const identity = await identify(parts, gate, { token: bearerOf(request), project: undefined, request })
  const connection = { parts, log, metrics, surface: 'http' as const, address: gate.addressOf(request), identity }
  parts.rates.take(connection, cost)
  const principal = validPrincipal(connection)
  if (principal.role !== 'admin' || !may(principal, 'system:read'))
    throw new CoordinationError(
      'FORBIDDEN',
      'the metrics are of all projects: for a key with the role admin and the scope system:read',
    )
}

/** `/metrics`, as Prometheus scrapes it. Throws for whoever may not see it. */
export async function sendMetrics(
  surroundings: Surroundings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await requireReader(surroundings, request)
  const { metrics } = surroundings
  const text = await metrics.exposition()
  response.writeHead(200, { 'content-type': metrics.registry.contentType })
  response.end(text)
}
