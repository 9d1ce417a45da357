import { type EventFilter, type EventType, type event, eventTypes } from '@tony/mcp-shared/events'
import { and, eq, gt, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { countRowsOfPage } from '../../platform/paging.ts'
import { iso } from '../../platform/times.ts'
import { placeholder, type Query, type Reader, statement } from '../../store/store.ts'
import { type Principal, seesAllMessages } from '../principal.ts'
import { cursorAt, requireRetained } from './cursor.ts'
import { type Item, toItem } from './item.ts'
import { logRangeOf } from './log-range.ts'

export type EventOutput = z.output<typeof event>

/** An event as all subscribers share it, with the fields that visibility and filters use. */
export interface FeedEvent extends Item<EventOutput> {
  readonly id: string
  readonly seq: number
  readonly type: EventType
  readonly taskId: string | null
  readonly epic: string | null
  readonly threadId: string | null
  readonly audience: readonly string[] | null
  /** Size of its data as JSON. */
  readonly bytes: number
}

const findPage = statement(({ db, t, p }: Query<{ project: string; after: number; limit: number }>) =>
  db
    .select()
    .from(t.events)
    .where(and(eq(t.events.projectId, p.project), gt(t.events.seq, p.after)))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

/** The sizes of the events of a page. Neither engine reads a text to tell its length. */
const measurePage = statement(({ db, t, p }: Query<{ project: string; after: number; limit: number }>) =>
  db
    .select({ bytes: sql<number>`octet_length(${t.events.data})` })
    .from(t.events)
    .where(and(eq(t.events.projectId, p.project), gt(t.events.seq, p.after)))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const eventTypeOf = (word: string): EventType => {
  const type = eventTypes.find((known) => known === word)
  if (!type) throw new Error(`an event has the unknown type ${word}`)
  return type
}

/** The events of a project after `seq`, up to `limit`. */
export interface PageQuery {
  readonly project: string
  readonly epoch: string
  readonly seq: number
  readonly limit: number
}

/** Returns the events in commit order, without a check of visibility. */
async function pageAfter(reader: Reader, { project, epoch, seq, limit }: PageQuery): Promise<FeedEvent[]> {
  const rows = await reader.run(findPage, { project, after: seq, limit })
  return rows.map((row) => {
    const type = eventTypeOf(row.type)
    const { subject, actor, taskId, epic, threadId } = row
    const output = { seq: row.seq, at: iso(row.at), type, subject, actor, data: JSON.parse(row.data) }
    const audience: readonly string[] | null = row.audience === null ? null : JSON.parse(row.audience)
    const bytes = Buffer.byteLength(row.data)
    const id = cursorAt(epoch, row.seq)
    return { ...toItem(output), id, seq: row.seq, type, taskId, epic, threadId, audience, bytes }
  })
}

/** Returns as many of the events as fit into one page. */
export async function fittingPageAfter(
  reader: Reader,
  query: PageQuery,
): Promise<{ readonly events: readonly FeedEvent[]; readonly isCut: boolean }> {
  const { project, seq, limit } = query
  const sizes = await reader.run(measurePage, { project, after: seq, limit })
  const fitting = countRowsOfPage(sizes)
  const events = fitting === 0 ? [] : await pageAfter(reader, { ...query, limit: fitting })
  return { events, isCut: fitting < sizes.length }
}

/**
 * Returns the events for a subscriber or a list: as many as fit into one page. Throws
 * CURSOR_EXPIRED if retention has deleted the next one, so that the subscriber does not skip it
 * unnoticed.
 */
export async function requirePageAfter(reader: Reader, query: PageQuery): Promise<readonly FeedEvent[]> {
  const { project, epoch, seq } = query
  const { events } = await fittingPageAfter(reader, query)
  if (events[0]?.seq !== seq + 1) requireRetained(epoch, seq, (await logRangeOf(reader, project)).first)
  return events
}

/**
 * True if a caller may see an event and its filter includes it. Events of a message are visible to
 * its participants and to tech leads.
 */
export function isVisible(principal: Principal, filter: EventFilter, candidate: FeedEvent): boolean {
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
  return [subject, actor, holderOf(data), ...(audience ?? [])].includes(agentId)
}

/**
 * The lease holder in an event's data. A filter by agent then also finds leases that others ended.
 */
const holderOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'agentId' in data ? data.agentId : undefined
