import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../../domain/context.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { sendMetrics } from './metrics.ts'
import { requestPathOf, sendError, sendJson, type TransportContext } from './responses.ts'

/**
 * Answers the probes of an orchestrator: `/livez` (alive), `/readyz` and `/health` (ready for
 * traffic), and `/metrics`. Returns false for any other path.
 */
export function handleProbe(
  context: TransportContext,
  ready: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  switch (requestPathOf(request)) {
    case '/livez':
      sendJson(response, 200, { status: 'ok' })
      return true
    case '/readyz':
    case '/health':
      void sendHealth(context.services, ready, response)
      return true
    case '/metrics': {
      const requestId = uuidv7()
      sendMetrics(context, request, response, requestId).catch((error: unknown) =>
        sendError(response, error, requestId),
      )
      return true
    }
    default:
      return false
  }
}

/**
 * Sends whether the server accepts traffic. Overload is no reason to send it elsewhere: it is
 * short, it hits all replicas of a project at once, and reads and urgent calls still succeed.
 */
async function sendHealth(
  { store, clock, config, startedAt, identity: { revocations } }: Services,
  ready: () => boolean,
  response: ServerResponse,
): Promise<void> {
  const storeAnswers = await store
    .read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects).limit(1))
    .then(
      () => true,
      () => false,
    )
  const storeUsable = storeAnswers && !revocations.isUnreadable
  const isFull = store.diskSpace?.full ?? false
  const isReady = ready() && storeUsable && !isFull
  const unreadyStatus = !storeUsable ? 'store_unavailable' : isFull ? 'disk_full' : 'draining'
  const status = isReady ? 'ok' : unreadyStatus
  const { urgent, normal } = store.queueState
  const isOverloaded = Math.max(urgent.ageMs, normal.ageMs) > config.limits.queueMs
  const writes = !storeUsable || isFull ? 'refused' : isOverloaded ? 'overloaded' : 'accepted'
  const uptimeMs = Math.round(clock.monotonic() - startedAt)
  sendJson(response, isReady ? 200 : 503, { status, writes, uptimeMs })
}
