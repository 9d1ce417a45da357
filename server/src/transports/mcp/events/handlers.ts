import type { McpServer } from '@modelcontextprotocol/server'
import { webhookSecret } from '@tony/mcp-shared/webhooks'
import { z } from 'zod'
import { toOccurrence } from '../../../domain/webhooks/bodies.ts'
import { webhookIdOf } from '../../../domain/webhooks/identity.ts'
import { parseEndpointUrl } from '../../../domain/webhooks/url.ts'
import type { HttpToolSession } from '../tool-session.ts'
import { EventsCaller } from './caller.ts'
import { filterOf, listEventTypes, subscriptionParams } from './catalog.ts'
import { cursorAfterGap, toCallbackReason, toProtocolError } from './errors.ts'

/** Time between two polls of a client without news, in milliseconds. */
const nextPollMs = 5_000

/** Life of a subscription whose client suggests none, and the limits of a suggestion. */
const ttlRangeMs = { default: 86_400_000, least: 60_000, most: 31_536_000_000 }

const pollParams = subscriptionParams.extend({ maxEvents: z.int().min(1).max(1_000).nullish() })

const subscribeParams = subscriptionParams.extend({
  delivery: z.looseObject({ mode: z.literal('webhook').optional(), url: z.string(), secret: webhookSecret }),
  ttlMs: z.int().min(1).nullish(),
})

const unsubscribeParams = z.looseObject({
  name: z.string(),
  arguments: z.unknown().optional(),
  delivery: z.looseObject({ url: z.string() }),
})

/** `events/poll`: the page after a cursor. After a gap it is empty, and its cursor continues. */
async function pollEvents(caller: EventsCaller, params: z.output<typeof pollParams>) {
  const filter = filterOf(params)
  const { name, cursor, maxAgeMs, maxEvents } = params
  const empty = { events: [], truncated: false, hasMore: false, nextPollMs }
  if (cursor === undefined || cursor === null) return { ...empty, cursor: await caller.currentCursor(filter) }
  try {
    const page = await caller.session.call('events.list', { ...filter, cursor, limit: maxEvents ?? 100 })
    const since = caller.oldestTime(maxAgeMs)
    const recent = page.events.filter(({ at }) => Date.parse(at) >= since)
    const { basePosition: place } = caller
    return {
      events: recent.map((data) => toOccurrence({ ...place, seq: data.seq }, name, data)),
      cursor: page.cursor,
      truncated: recent.length < page.events.length,
      hasMore: page.more,
      nextPollMs,
    }
  } catch (error) {
    const fresh = cursorAfterGap(error)
    if (fresh === undefined) throw error
    return { ...empty, cursor: fresh, truncated: true, hasMore: true }
  }
}

const grantedTtlMsOf = (suggested: number | null | undefined): number | undefined =>
  suggested === null
    ? undefined
    : Math.min(ttlRangeMs.most, Math.max(ttlRangeMs.least, suggested ?? ttlRangeMs.default))

/** `events/subscribe`: a webhook of the credential, which outlives the agents that join with it. */
async function subscribeWebhook({ session }: EventsCaller, params: z.output<typeof subscribeParams>) {
  const filter = filterOf(params)
  const { delivery, cursor } = params
  const granted = grantedTtlMsOf(params.ttlMs)
  const input = {
    url: delivery.url,
    secret: delivery.secret,
    format: 'mcp' as const,
    filter,
    ...(granted !== undefined && { ttlMs: granted }),
  }
  const from = (start: string | null | undefined) =>
    session.callAsOwner('webhooks.create', { ...input, ...(typeof start === 'string' && { cursor: start }) })
  let truncated = false
  const webhook = await from(cursor).catch((error: unknown) => {
    const fresh = cursorAfterGap(error)
    if (fresh === undefined) throw error
    truncated = true
    return from(fresh)
  })
  const { webhookId, expiresAt, state, deliveredAt, lastError, failingSince } = webhook
  return {
    id: webhookId,
    refreshBefore: expiresAt,
    cursor: webhook.cursor,
    truncated,
    deliveryStatus: {
      active: state === 'active',
      lastDeliveryAt: deliveredAt,
      lastError: lastError === null ? null : toCallbackReason(lastError),
      ...(failingSince !== null && { failedSince: failingSince }),
    },
  }
}

/** `events/unsubscribe`: finds the webhook by what makes it one, and never by its id. */
async function unsubscribeWebhook({ session, owner }: EventsCaller, params: z.output<typeof unsubscribeParams>) {
  const filter = filterOf(params)
  const url = parseEndpointUrl(params.delivery.url).href
  const webhookId = webhookIdOf({ ...owner, url, format: 'mcp', filter })
  await session.callAsOwner('webhooks.delete', { webhookId })
  return {}
}

const throwAsProtocolError = (error: unknown): never => {
  throw toProtocolError(error)
}

/** The name of the extension of MCP. */
const extensionName = 'io.modelcontextprotocol/events'

/**
 * Adds MCP Events, by custom handlers because the SDK has none. `events/stream` is beside the SDK,
 * which writes to a caller that does not read without a bound.
 */
export function addEventHandlers({ server }: McpServer, session: HttpToolSession): void {
  // Clients look for the capability under either name.
  const capabilities = { events: {}, extensions: { [extensionName]: {} } }
  server.registerCapabilities(capabilities)
  const caller = new EventsCaller(session)
  server.setRequestHandler('events/list', { params: z.looseObject({ cursor: z.string().nullish() }) }, async () => ({
    events: listEventTypes(caller.mayUseWebhooks ? ['poll', 'push', 'webhook'] : ['poll', 'push']),
  }))
  server.setRequestHandler('events/poll', { params: pollParams }, (params) =>
    pollEvents(caller, params).catch(throwAsProtocolError),
  )
  server.setRequestHandler('events/subscribe', { params: subscribeParams }, (params) =>
    subscribeWebhook(caller, params).catch(throwAsProtocolError),
  )
  server.setRequestHandler('events/unsubscribe', { params: unsubscribeParams }, (params) =>
    unsubscribeWebhook(caller, params).catch(throwAsProtocolError),
  )
}
