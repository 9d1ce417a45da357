import type { IncomingMessage, ServerResponse } from 'node:http'
import { uuidv7 } from 'uuidv7'
import type { Parts } from '../../domain/context.ts'
import { sendMetrics } from './metrics.ts'
import { pathOf, type Surroundings, sendError, sendJson } from './responses.ts'

/** What the platform asks: is the process alive, may it have traffic, how is it. False when the path is none of these. */
export function handleProbe(
  surroundings: Surroundings,
  ready: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  switch (pathOf(request)) {
    case '/livez':
      sendJson(response, 200, { status: 'ok' })
      return true
    case '/readyz':
    case '/health':
      void health(surroundings.parts, ready, response)
      return true
    case '/metrics':
      sendMetrics(surroundings, request, response).catch((error: unknown) => sendError(response, error, uuidv7()))
      return true
    default:
      return false
  }
}

async function health(
  { store, clock, startedAt, revocations }: Parts,
  ready: () => boolean,
  response: ServerResponse,
): Promise<void> {
  const answers = await store
    .read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects).limit(1))
    .then(
      () => true,
      () => false,
    )
  const sees = answers && !revocations.blind
  const able = ready() && sees
  const status = able ? 'ok' : sees ? 'draining' : 'store unavailable'
  const uptimeMs = Math.round(clock.monotonic() - startedAt)
  sendJson(response, able ? 200 : 503, { status, uptimeMs })
}
