import type { ServerResponse } from 'node:http'
import { type IncomingCall, runSubscription } from '../../../api/pipeline.ts'
import type { SubscriptionItem } from '../../../domain/feed/item.ts'
import { authenticateCaller } from '../../../guards/authenticate.ts'
import type { Connection } from '../../../guards/call.ts'
import { toProblem } from './problem.ts'

/** Time in which a refusal arrives before the stream begins. Later it is the event `error`. */
const beginMs = 200

/** Proxies end a silent stream, and a reader cannot tell it from a dead one. */
const pingMs = 15_000

/** Resolves when the caller has read the written events, or has gone. */
export const waitForDrain = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      response.off('drain', end)
      response.off('close', end)
      resolve()
    }
    response.once('drain', end)
    response.once('close', end)
  })

/** Sends the headers of an event stream, unless they are sent. */
export function beginEventStream(response: ServerResponse): void {
  if (response.headersSent) return
  // Without `no-transform` and this header of nginx, an intermediary may hold the events back.
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
}

/** Returns an item as a server-sent event. */
const toEventText = (item: SubscriptionItem<unknown>): string =>
  `${item.id === undefined ? '' : `id: ${item.id}\n`}data: ${item.json()}\n\n`

/**
 * Sends a subscription as server-sent events. The id of an event is its cursor. An error before the
 * first event is thrown, a later one is the event `error`.
 */
export async function sendEventStream(
  response: ServerResponse,
  request: IncomingCall,
  connection: Connection,
): Promise<void> {
  const { clock } = connection.services
  let cancelPing: () => void = () => undefined
  const ping = () => {
    cancelPing = clock.timer(pingMs, () => {
      beginEventStream(response)
      response.write(': ping\n\n')
      ping()
    })
  }
  const cancelBegin = clock.timer(beginMs, () => beginEventStream(response))
  ping()
  try {
    for await (const chunk of runSubscription(request)) {
      // The stream outlives tokens and incarnations.
      authenticateCaller(connection)
      beginEventStream(response)
      const text = chunk.map(toEventText).join('')
      if (!response.write(text) && !response.closed) await waitForDrain(response)
    }
    beginEventStream(response)
  } catch (error) {
    if (!response.headersSent) throw error
    response.write(`event: error\ndata: ${JSON.stringify(toProblem(error, request.requestId))}\n\n`)
  } finally {
    cancelBegin()
    cancelPing()
  }
  response.end()
}
