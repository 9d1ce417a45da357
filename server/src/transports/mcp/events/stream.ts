import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { toOccurrence } from '../../../domain/webhooks/bodies.ts'
import { sendJson } from '../../http/responses.ts'
import { beginEventStream, waitForDrain } from '../../http/rest/event-stream.ts'
import type { HttpToolSession } from '../tool-session.ts'
import { EventsCaller } from './caller.ts'
import { filterOf, subscriptionParams } from './catalog.ts'
import { cursorAfterGap, protocolError, rpcCodes, toProtocolError } from './errors.ts'

/** Time without an event after which the cursor is sent, in milliseconds. */
const heartbeatMs = 15_000

const streamRequest = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number()]),
  method: z.literal('events/stream'),
  params: subscriptionParams,
})
type StreamRequest = z.output<typeof streamRequest>

/** True for a request that opens a stream of events. */
export const isStreamRequest = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'method' in body && body.method === 'events/stream'

/** Writes the notifications of one stream, and waits while the caller does not read. */
class EventStreamWriter {
  readonly #response: ServerResponse
  readonly #id: string | number

  constructor(response: ServerResponse, id: string | number) {
    this.#response = response
    this.#id = id
  }

  async notify(kind: string, fields: object): Promise<void> {
    const params = { ...fields, _meta: { 'io.modelcontextprotocol/subscriptionId': this.#id } }
    await this.#write({ jsonrpc: '2.0', method: `notifications/events/${kind}`, params })
  }

  async end(): Promise<void> {
    await this.#write({ jsonrpc: '2.0', id: this.#id, result: { resultType: 'complete', _meta: {} } })
    this.#response.end()
  }

  async #write(message: object): Promise<void> {
    const response = this.#response
    if (!response.write(`data: ${JSON.stringify(message)}\n\n`) && !response.closed) await waitForDrain(response)
  }
}

interface StreamStart {
  readonly cursor: string
  readonly truncated: boolean
}

/** Returns where a stream starts. Throws for a cursor that was never one. */
async function findStreamStart(
  caller: EventsCaller,
  { cursor, maxAgeMs, ...params }: StreamRequest['params'],
): Promise<StreamStart> {
  const filter = filterOf(params)
  if (typeof cursor !== 'string') return { cursor: await caller.currentCursor(filter), truncated: false }
  try {
    const { events } = await caller.session.call('events.list', { ...filter, cursor, limit: 1 })
    return { cursor, truncated: events.some(({ at }) => Date.parse(at) < caller.oldestTime(maxAgeMs)) }
  } catch (error) {
    const fresh = cursorAfterGap(error)
    if (fresh === undefined) throw error
    return { cursor: fresh, truncated: true }
  }
}

/** Sends the events after a cursor until the caller leaves or the server stops. */
async function sendEvents(
  caller: EventsCaller,
  writer: EventStreamWriter,
  { name, ...params }: StreamRequest['params'],
  start: StreamStart,
): Promise<void> {
  const filter = filterOf({ name, arguments: params.arguments })
  const since = caller.oldestTime(params.maxAgeMs)
  let { cursor, truncated } = start
  let cancel: () => void = () => undefined
  const heartbeat = () => {
    cancel()
    cancel = caller.timer(heartbeatMs, () => {
      writer.notify('heartbeat', { cursor }).then(heartbeat, () => undefined)
    })
  }
  try {
    for (;;) {
      await writer.notify('active', { cursor, truncated })
      heartbeat()
      try {
        for await (const { id, data } of caller.session.subscribeToEvents({ ...filter, cursor })) {
          if (Date.parse(data.at) < since && data.type !== 'checkpoint') continue
          cursor = id ?? cursor
          if (data.type === 'checkpoint') await writer.notify('heartbeat', { cursor })
          else
            await writer.notify('event', {
              ...toOccurrence({ ...caller.basePosition, seq: data.seq }, name, data),
              cursor,
            })
          heartbeat()
        }
        return
      } catch (error) {
        const fresh = cursorAfterGap(error)
        if (fresh === undefined) throw error
        cursor = fresh
        truncated = true
      }
    }
  } finally {
    cancel()
  }
}

/** `events/stream`: a push stream of MCP Events, until the caller closes it. */
export async function serveEventStream(session: HttpToolSession, response: ServerResponse, body: unknown) {
  const { data: request, error } = streamRequest.safeParse(body)
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null
  const refuse = (thrown: unknown) => {
    const { code, message, data } = toProtocolError(thrown)
    sendJson(response, 200, { jsonrpc: '2.0', id, error: { code, message, ...(data !== undefined && { data }) } })
  }
  if (!request) return refuse(protocolError(rpcCodes.invalidParams, error.issues[0]?.message ?? 'invalid params'))
  const writer = new EventStreamWriter(response, request.id)
  try {
    const caller = new EventsCaller(session)
    const start = await findStreamStart(caller, request.params)
    beginEventStream(response)
    await sendEvents(caller, writer, request.params, start)
    await writer.end()
  } catch (thrown) {
    if (!response.headersSent) return refuse(thrown)
    const { code, message } = toProtocolError(thrown)
    await writer.notify('terminated', { error: { code, message } })
    await writer.end()
  }
}
