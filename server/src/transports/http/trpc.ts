import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { appRouter } from '../../api/router.ts'
import type { Parts } from '../../domain/context.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { bearerOf, identify, projectOf } from './identify.ts'
import type { Gate } from './request-checks.ts'
import { challenge, retryHeaders } from './responses.ts'

/** tRPC over HTTP at `/trpc/<path>`, by tRPC's own handler and through its middleware. */
export const trpcHttp = (parts: Parts, log: Log, metrics: Metrics, gate: Gate) =>
  createHTTPHandler({
    router: appRouter,
    basePath: '/trpc/',
    maxBodySize: parts.config.limits.bodyBytes,
    maxBatchSize: parts.config.limits.httpBatch,
    responseMeta: ({ errors, ctx }) => {
      const refused = errors.map((error) => toCoordinationError(error))
      const later = refused.map(({ details }) => details?.['retryAfterMs']).find((ms) => typeof ms === 'number')
      const shown = ctx !== undefined && (ctx.identity.ok || ctx.identity.shown)
      const [challenged = {}] = refused
        .map((error) => challenge(error, shown))
        .filter((headers) => 'www-authenticate' in headers)
      return {
        headers: {
          ...(ctx ? ctx.parts.rates.headers(ctx) : {}),
          ...retryHeaders(later),
          ...challenged,
        },
      }
    },
    createContext: async ({ req }) => ({
      parts,
      log,
      metrics,
      surface: 'http' as const,
      address: gate.addressOf(req),
      identity: await identify(parts, gate, { token: bearerOf(req), project: projectOf(req), request: req }),
    }),
  })
