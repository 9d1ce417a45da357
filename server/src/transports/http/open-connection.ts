import type { IncomingMessage } from 'node:http'
import type { Connection } from '../../guards/call.ts'
import { bodyBytesOf } from './body.ts'
import { bearerOf, identifyCaller, projectNameOf } from './identify.ts'
import type { TransportContext } from './responses.ts'

/**
 * Returns the connection of one HTTP request. Its calls arrived now, before their caller is
 * identified.
 */
export async function openConnection(
  { services, log, metrics, checks }: TransportContext,
  request: IncomingMessage,
  transport: Connection['transport'],
): Promise<Connection> {
  return {
    services,
    log,
    metrics,
    transport,
    address: checks.addressOf(request),
    queuedInput: services.queuedInputs.open(bodyBytesOf(request, services.config.limits.bodyBytes), services.now()),
    identity: await identifyCaller(services, checks, {
      token: bearerOf(request),
      project: projectNameOf(request),
      request,
    }),
  }
}
