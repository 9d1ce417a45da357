import { eq, sql } from 'drizzle-orm'
import { yieldToEventLoop } from '../../platform/clock.ts'
import { formatEventLine, lineForm } from '../event-log/line.ts'
import type { NewEvent } from '../event-log/new-event.ts'
import { type Reader, rowlessStatement, type StatementParts, statement, type TransactionParams } from '../store.ts'

const reserveSeqs = statement(({ db, t, p }: StatementParts<{ project: string; count: number }>) =>
  db
    .update(t.projects)
    .set({ seq: sql`${t.projects.seq} + ${p.count}` })
    .where(eq(t.projects.id, p.project))
    .returning({ last: t.projects.seq })
    .prepare(),
)

interface PageRow {
  project: string
  first: number
  last: number
  at: number
  lines: string
}

const insertPage = rowlessStatement(({ db, t, p }: StatementParts<PageRow>) =>
  db
    .insert(t.eventPages)
    .values({ projectId: p.project, last: p.last, first: p.first, at: p.at, form: lineForm, lines: p.lines })
    .prepare(),
)

/** An event and the scope of its operation. */
export interface ScopedEvent {
  readonly event: NewEvent
  readonly scope: TransactionParams
}

/** The numbers of a batch's events, both ends included. */
export interface EventRange {
  readonly project: string
  readonly first: number
  readonly last: number
}

/** Limits of a page: a reader of one event reads a whole page. One large event may exceed them. */
const pageLimits = { events: 256, bytes: 65_536 }

const toLine = ({ event, scope }: ScopedEvent): string =>
  formatEventLine({
    type: event.type,
    subject: event.subject,
    actor: event.actor,
    taskId: event.taskId ?? null,
    epic: event.epic ?? null,
    threadId: event.threadId ?? null,
    audience: event.audience ?? null,
    data: event.data,
    sessionId: scope.fence && 'sessionId' in scope.fence ? scope.fence.sessionId : null,
    credentialId: scope.fence && 'credentialId' in scope.fence ? scope.fence.credentialId : null,
    requestId: scope.requestId ?? null,
  })

/** Returns the lines of the next page: the events from `start` that fit into it, at least one. */
function linesOfPage(events: readonly ScopedEvent[], start: number): readonly string[] {
  const lines: string[] = []
  let bytes = 0
  for (const event of events.slice(start, start + pageLimits.events)) {
    const line = toLine(event)
    bytes += Buffer.byteLength(line)
    if (lines.length > 0 && bytes > pageLimits.bytes) break
    lines.push(line)
  }
  return lines
}

/**
 * Numbers the events of a batch and writes them in pages, mostly one. It runs last before the
 * commit: the project's row is locked only from here on, so numbers follow the order of commits and
 * have no gaps.
 */
export async function appendEvents(
  tx: Pick<Reader, 'run' | 'now'>,
  project: string,
  events: readonly ScopedEvent[],
): Promise<EventRange> {
  const [row] = await tx.run(reserveSeqs, { project, count: events.length })
  if (!row) throw new Error(`project ${project} has no feed`)
  const first = row.last - events.length + 1
  for (let start = 0; start < events.length; ) {
    if (start > 0) await yieldToEventLoop()
    const lines = linesOfPage(events, start)
    const page = { first: first + start, last: first + start + lines.length - 1, lines: lines.join('\n') }
    await tx.run(insertPage, { project, at: tx.now, ...page })
    start += lines.length
  }
  return { project, first, last: row.last }
}
