import { randomUUID } from 'node:crypto'
import type { WebhookFormat } from '@tony/mcp-shared/webhooks'
import { cursorAt } from '../feed/cursor.ts'
import type { FeedEvent } from '../feed/page.ts'
import type { WebhookMessage } from './signature.ts'

/** Name of the event type of MCP that has every event. The others have the names of event types. */
export const anyEventName = 'project.event'

/** The place of an event. Numbers are unique in one project and one epoch only. */
export interface EventPosition {
  readonly project: string
  readonly epoch: string
  readonly seq: number
}

/** Returns the id of an event for deduplication, which is the same in every form of delivery. */
export const eventIdOf = ({ project, epoch, seq }: EventPosition): string => `${project}.${cursorAt(epoch, seq)}`

type EventData = FeedEvent['data']

/** Returns an event as an occurrence of MCP Events. */
export const toOccurrence = (place: EventPosition, name: string, data: EventData) => ({
  eventId: eventIdOf(place),
  name,
  timestamp: data.at,
  data,
})

export interface BodyContext {
  readonly project: string
  readonly epoch: string
  readonly format: WebhookFormat
  /** The event types of the filter. */
  readonly types: readonly string[] | undefined
}

/** Returns the name of the occurrences of a filter. */
export const occurrenceNameOf = (types: readonly string[] | undefined): string => types?.[0] ?? anyEventName

/** Events that one body has. */
export type EventBatch = readonly [FeedEvent, ...FeedEvent[]]

/**
 * Returns an event as a body has it, with the event's own cursor. A receiver can continue from that
 * cursor, because deliveries keep the order of the events: each earlier event of the filter has
 * been delivered or given up.
 */
function toBody({ project, epoch, format, types }: BodyContext, { seq, data: event }: FeedEvent) {
  const cursor = cursorAt(epoch, seq)
  const occurrence = toOccurrence({ project, epoch, seq }, occurrenceNameOf(types), event)
  const { eventId, timestamp, data } = occurrence
  return format === 'mcp' ? { ...occurrence, cursor } : { type: data.type, timestamp, eventId, cursor, data }
}

/** Returns the delivery of events. Only the format `batch` has more than one. */
export function eventsMessage(context: BodyContext, batch: EventBatch): WebhookMessage {
  const [first] = batch
  const last = batch.at(-1) ?? first
  const id = eventIdOf({ ...context, seq: first.seq })
  if (context.format !== 'batch') return { id, body: JSON.stringify(toBody(context, first)) }
  const events = batch.map((event) => toBody(context, event))
  const body = { type: 'batch', cursor: cursorAt(context.epoch, last.seq), events }
  return { id: `${id}-${last.seq}`, body: JSON.stringify(body) }
}

const controlMessage = (type: string, fields: object): WebhookMessage => ({
  id: `msg_${type}_${randomUUID()}`,
  body: JSON.stringify({ type, ...fields }),
})

/** Tells that events before a cursor were deleted before they were delivered. */
export const gapMessage = (cursor: string): WebhookMessage => controlMessage('gap', { cursor })

/** Tells that the webhook has ended because its owner has lost access. */
export const terminatedMessage = (): WebhookMessage =>
  controlMessage('terminated', {
    error: { code: -32_012, message: 'the access of the owner of this webhook was revoked' },
  })

export const challengeMessage = (challenge: string): WebhookMessage => controlMessage('verification', { challenge })

export const testMessage = (): WebhookMessage => controlMessage('test', {})
