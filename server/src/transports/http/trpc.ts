import { CoordinationError } from '@tony/mcp-shared/errors'
import { TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { appRouter } from '../../api/router.ts'
import type { Services } from '../../domain/context.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { ReplyBudget } from '../../platform/reply-budget.ts'
import { bodyBytesOf } from './body.ts'
import { bearerOf, identify, projectOf } from './identify.ts'
import type { RequestChecks } from './request-checks.ts'
import { authenticateHeaders, retryHeaders } from './responses.ts'

/** Serves tRPC over HTTP at `/trpc/<path>`, with tRPC's own handler and middleware. */
export const createTrpcHandler = (services: Services, log: Log, metrics: Metrics, checks: RequestChecks) =>
  createHTTPHandler({
    router: appRouter,
    basePath: '/trpc/',
    maxBodySize: services.config.limits.bodyBytes,
    responseMeta: ({ errors, ctx }) => {
      const refusals = errors.map((error) => toCoordinationError(error))
      const retryAfterMs = refusals.map(({ details }) => details?.['retryAfterMs']).find((ms) => typeof ms === 'number')
      const hasCredential = ctx !== undefined && (ctx.identity.ok || ctx.identity.hasCredential)
      const [challengeHeaders = {}] = refusals
        .map((error) => authenticateHeaders(error, hasCredential))
        .filter((headers) => 'www-authenticate' in headers)
      return {
        headers: {
          ...(ctx ? ctx.services.identity.rateLimiter.headers(ctx) : {}),
          ...retryHeaders(retryAfterMs),
          ...challengeHeaders,
        },
      }
    },
    createContext: async ({ req, info }) => {
      requireBatchWithin(services.config.limits.httpBatch, info.calls.length)
      return {
        services,
        log,
        metrics,
        transport: 'http' as const,
        address: checks.addressOf(req),
        input: services.queuedInputs.open(bodyBytesOf(req, services.config.limits.bodyBytes), services.now()),
        replies: new ReplyBudget(services.pageSlots, services.config.limits.socketBufferBytes),
        identity: await identify(services, checks, { token: bearerOf(req), project: projectOf(req), request: req }),
      }
    },
  })

/** Throws INVALID_INPUT for a batch of too many calls; the error of tRPC names no limit. */
function requireBatchWithin(limit: number, calls: number): void {
  if (calls <= limit) return
  const message = `the batch has ${calls} calls, more than ${limit} (MCP_LIMIT_HTTP_BATCH): send several`
  // tRPC derives the status of the response from its own error.
  throw new TRPCError({ code: 'BAD_REQUEST', cause: new CoordinationError('INVALID_INPUT', message) })
}
