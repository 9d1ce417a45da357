import { CoordinationError } from '@tony/mcp-shared/errors'
import { TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { appRouter } from '../../api/router.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { ReplyBudget } from '../../platform/reply-budget.ts'
import { openConnection } from './open-connection.ts'
import { retryHeaders, type TransportContext, wwwAuthenticateHeadersOf } from './responses.ts'

/** Serves tRPC over HTTP at `/trpc/<path>`, with tRPC's own handler and middleware. */
export const createTrpcHandler = (context: TransportContext) => {
  const { services } = context
  return createHTTPHandler({
    router: appRouter,
    basePath: '/trpc/',
    maxBodySize: services.config.limits.bodyBytes,
    responseMeta: ({ errors, ctx }) => {
      const refusals = errors.map((error) => toCoordinationError(error))
      const retryAfterMs = refusals.map(({ details }) => details?.['retryAfterMs']).find((ms) => typeof ms === 'number')
      const hasCredential = ctx !== undefined && (ctx.identity.ok || ctx.identity.hasCredential)
      const [challengeHeaders = {}] = refusals
        .map((error) => wwwAuthenticateHeadersOf(error, hasCredential))
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
      const replies = new ReplyBudget(services.pageSlots, services.config.limits.socketBufferBytes)
      return { ...(await openConnection(context, req, 'http')), replyBudget: replies }
    },
  })
}

/** Throws INVALID_INPUT for a batch of too many calls; the error of tRPC names no limit. */
function requireBatchWithin(limit: number, calls: number): void {
  if (calls <= limit) return
  const message = `the batch has ${calls} calls, more than ${limit} (MCP_LIMIT_HTTP_BATCH): send several`
  // tRPC derives the status of the response from its own error.
  throw new TRPCError({ code: 'BAD_REQUEST', cause: new CoordinationError('INVALID_INPUT', message) })
}
