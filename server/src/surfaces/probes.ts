import type { ServerResponse } from 'node:http'
import type { Parts } from '../context.ts'
import type { Metrics } from '../metrics.ts'
import { sendJson } from './responses.ts'

/** What the platform asks: is the process alive, may it have traffic, how is it. False when `path` is none of these. */
export function handleProbe(
  parts: Parts,
  metrics: Metrics,
  ready: () => boolean,
  path: string,
  response: ServerResponse,
): boolean {
  switch (path) {
    case '/livez':
      sendJson(response, 200, { status: 'ok' })
      return true
    case '/readyz':
    case '/health':
      void health(parts, ready, response)
      return true
    case '/metrics':
      void metrics.exposition().then((text) => {
        response.writeHead(200, { 'content-type': metrics.registry.contentType })
        response.end(text)
      })
      return true
    default:
      return false
  }
}

async function health(
  { store, clock, startedAt }: Parts,
  ready: () => boolean,
  response: ServerResponse,
): Promise<void> {
  const answers = await store
    .read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects).limit(1))
    .then(
      () => true,
      () => false,
    )
  const able = ready() && answers
  const status = able ? 'ok' : answers ? 'draining' : 'store unavailable'
  const uptimeMs = Math.round(clock.monotonic() - startedAt)
  sendJson(response, able ? 200 : 503, { status, uptimeMs })
}
