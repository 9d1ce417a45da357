import { type EventType, eventTypes } from '@tony/mcp-shared/event-words'
import type { EventFilter, event } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import { iso } from '../../platform/times.ts'
import { type StoredEvent, scanEvents } from '../../store/event-log/read-events.ts'
import type { Reader } from '../../store/store.ts'
import { type Principal, seesAllMessages } from '../principal.ts'
import { cursorAt, requireUnexpiredCursor } from './cursor.ts'
import { type SubscriptionItem, toSubscriptionItem } from './item.ts'
import { logRangeOf } from './log-range.ts'

export type EventOutput = z.output<typeof event>

/** An event as all subscribers share it, with the fields that visibility and filters use. */
export interface FeedEvent extends SubscriptionItem<EventOutput> {
  readonly id: string
  readonly seq: number
  readonly type: EventType
  readonly taskId: string | null
  readonly epic: string | null
  readonly threadId: string | null
  readonly audience: readonly string[] | null
  /** Size of its line in the log. */
  readonly bytes: number
}

const eventTypeOf = (word: string): EventType => {
  const type = eventTypes.find((known) => known === word)
  if (!type) throw new Error(`an event has the unknown type ${word}`)
  return type
}

/** The events of a project after `seq`, up to `limit`. */
export interface FeedPageQuery {
  readonly project: string
  readonly epoch: string
  readonly seq: number
  readonly limit: number
  /** Events that surely do not match may be left out. */
  readonly filter?: EventFilter
}

export interface FeedPage {
  /** In commit order, without a check of visibility. */
  readonly events: readonly FeedEvent[]
  /** Number of the last event that was looked at. */
  readonly reached: number
  /** True if there were further events that did not fit. */
  readonly isCut: boolean
}

function toFeedEvent(epoch: string, stored: StoredEvent): FeedEvent {
  const type = eventTypeOf(stored.type)
  const { seq, subject, actor, data, taskId, epic, threadId, audience, bytes } = stored
  const output = { seq, at: iso(stored.at), type, subject, actor, data }
  return { ...toSubscriptionItem(output), id: cursorAt(epoch, seq), seq, type, taskId, epic, threadId, audience, bytes }
}

/** Returns the texts that an event must have to match a filter. */
const filterTextsOf = ({ taskId, agentId, epic, threadId }: EventFilter): string[] =>
  [taskId, agentId, epic, threadId].filter((text) => text !== undefined)

const scanEventsAfter = (reader: Reader, { project, seq, limit, filter }: FeedPageQuery) =>
  scanEvents(reader, {
    project,
    after: seq,
    limit,
    ...(filter && { filter: { texts: filterTextsOf(filter), types: filter.types } }),
  })

/** Returns as many of the events as fit into one page. */
export async function readPageAfter(reader: Reader, query: FeedPageQuery): Promise<FeedPage> {
  const { events, reached, isCut } = await scanEventsAfter(reader, query)
  return { events: events.map((stored) => toFeedEvent(query.epoch, stored)), reached, isCut }
}

/**
 * Returns the events for a subscriber or a list: as many as fit into one page. Throws
 * CURSOR_EXPIRED if retention has deleted the next one, so that the subscriber does not skip it
 * unnoticed.
 */
export async function requirePageAfter(reader: Reader, query: FeedPageQuery): Promise<FeedPage> {
  const { project, epoch, seq } = query
  const { events, first, reached, isCut } = await scanEventsAfter(reader, query)
  if (first !== seq + 1) requireUnexpiredCursor(epoch, seq, (await logRangeOf(reader, project)).first)
  return { events: events.map((stored) => toFeedEvent(epoch, stored)), reached, isCut }
}

/**
 * True if a caller may see an event and its filter includes it. Events of a message are visible to
 * its participants and to tech leads.
 */
export function isVisibleMatch(principal: Principal, filter: EventFilter, candidate: FeedEvent): boolean {
  const { audience } = candidate
  if (audience !== null && !seesAllMessages(principal)) {
    if (!principal.agent || !audience.includes(principal.agent.id)) return false
  }
  if (filter.types && !filter.types.includes(candidate.type)) return false
  if (filter.taskId !== undefined && candidate.taskId !== filter.taskId) return false
  if (filter.epic !== undefined && candidate.epic !== filter.epic) return false
  if (filter.threadId !== undefined && candidate.threadId !== filter.threadId) return false
  const { agentId } = filter
  if (agentId === undefined) return true
  const { subject, actor, data } = candidate.data
  return [subject, actor, leaseHolderOf(data), ...(audience ?? [])].includes(agentId)
}

/**
 * The lease holder in an event's data. A filter by agent then also finds leases that others ended.
 */
const leaseHolderOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'agentId' in data ? data.agentId : undefined
