import type { eventListInput, eventListOutput } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { cursorAt, resolveCursor } from '../../domain/feed/cursor.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { type EventOutput, isVisible, requirePageAfter } from '../../domain/feed/page.ts'

/**
 * Events per query, and events per call: after the second number the page is returned even if it is
 * not full.
 */
const readLimit = 1_000
const scanLimit = 20_000

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
    const events: EventOutput[] = []
    while (events.length < limit && seq - start < scanLimit) {
      const page = await requirePageAfter(reader, project, epoch, seq, readLimit)
      if (page.length === 0) return { events, cursor: cursorAt(epoch, seq), more: false }
      for (const candidate of page) {
        seq = candidate.seq
        if (isVisible(ctx.principal, filter, candidate)) events.push(candidate.data)
        if (events.length === limit) break
      }
    }
    const { last } = await logRangeOf(reader, project)
    return { events, cursor: cursorAt(epoch, seq), more: seq < last }
  })
