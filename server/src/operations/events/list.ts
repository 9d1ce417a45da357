import type { eventListInput, eventListOutput } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { cursorAt, resolveCursor } from '../../domain/feed/cursor.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { type EventOutput, type FeedEvent, isVisibleMatch, requirePageAfter } from '../../domain/feed/page.ts'
import { pageByteLimit } from '../../platform/paging.ts'

/**
 * `readLimit` is the number of matching events that one query reads. After about `scanLimit` events
 * of the log, matching or not, the call returns its page even if the page is not full.
 */
const readLimit = 1_000
const scanLimit = 20_000

interface EventListPage {
  readonly events: EventOutput[]
  size: number
}

/** Adds an event. Returns false if the page has no room for it. */
function addEvent(page: EventListPage, limit: number, { data, bytes }: FeedEvent): boolean {
  const { events, size } = page
  if (events.length === limit || (events.length > 0 && size + bytes > pageByteLimit)) return false
  events.push(data)
  page.size += bytes
  return true
}

/** `events.list`: the event log behind the subscription, as a query. */
export const listEvents = (
  ctx: Context,
  input: z.output<typeof eventListInput>,
): Promise<z.output<typeof eventListOutput>> =>
  ctx.read(async (reader) => {
    const { project } = ctx.principal
    const { epoch } = ctx.store
    const { cursor, limit, ...filter } = input
    const start = await resolveCursor(reader, project, epoch, cursor ?? 'start')
    let seq = start
    const page: EventListPage = { events: [], size: 0 }
    const { events } = page
    let full = false
    while (!full && events.length < limit && seq - start < scanLimit) {
      // Most callers see all events that match, so the first query returns no more than the page.
      const wanted = seq === start ? limit : readLimit
      const read = await requirePageAfter(reader, { project, epoch, seq, limit: wanted, filter })
      if (read.reached === seq) return { events, cursor: cursorAt(epoch, seq), more: false }
      const excluded = read.events.find(
        (each) => isVisibleMatch(ctx.principal, filter, each) && !addEvent(page, limit, each),
      )
      full = excluded !== undefined
      seq = excluded ? excluded.seq - 1 : read.reached
    }
    const { last } = await logRangeOf(reader, project)
    return { events, cursor: cursorAt(epoch, seq), more: seq < last }
  })
