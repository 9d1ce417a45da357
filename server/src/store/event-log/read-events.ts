import { and, eq, gt, lt, sql } from 'drizzle-orm'
import { countRowsOfPage } from '../../platform/paging.ts'
import { placeholder, type Reader, type StatementParts, statement } from '../store.ts'
import { type LineFields, type LineFilter, lineForm, parseEventLine, type TextTest, textTestOf } from './line.ts'

/** An event of the log. */
export interface StoredEvent extends LineFields {
  readonly seq: number
  readonly at: number
  /** Bytes of its line; for an event from before there were pages, of its data. */
  readonly bytes: number
}

interface PageRange {
  project: string
  after: number
  limit: number
}

/** The sizes of the next pages. Neither engine reads a text to tell its length. */
const measurePages = statement(({ db, t, p }: StatementParts<PageRange>) =>
  db
    .select({
      first: t.eventPages.first,
      last: t.eventPages.last,
      bytes: sql<number>`octet_length(${t.eventPages.lines})`,
    })
    .from(t.eventPages)
    .where(and(eq(t.eventPages.projectId, p.project), gt(t.eventPages.last, p.after)))
    .orderBy(t.eventPages.last)
    .limit(placeholder('limit'))
    .prepare(),
)

const findPages = statement(({ db, t, p }: StatementParts<PageRange>) =>
  db
    .select({
      first: t.eventPages.first,
      last: t.eventPages.last,
      at: t.eventPages.at,
      form: t.eventPages.form,
      lines: t.eventPages.lines,
    })
    .from(t.eventPages)
    .where(and(eq(t.eventPages.projectId, p.project), gt(t.eventPages.last, p.after)))
    .orderBy(t.eventPages.last)
    .limit(placeholder('limit'))
    .prepare(),
)

type RowRange = PageRange & { before: number }

/** The sizes of the next events from before there were pages. */
const measureEventRows = statement(({ db, t, p }: StatementParts<RowRange>) =>
  db
    .select({ bytes: sql<number>`octet_length(${t.events.data})` })
    .from(t.events)
    .where(and(eq(t.events.projectId, p.project), gt(t.events.seq, p.after), lt(t.events.seq, p.before)))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const findEventRows = statement(({ db, t, p }: StatementParts<RowRange>) =>
  db
    .select()
    .from(t.events)
    .where(and(eq(t.events.projectId, p.project), gt(t.events.seq, p.after), lt(t.events.seq, p.before)))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

/** Pages to look at in one read. Each has at least one event. */
const pageLimit = 1_000

export interface ScanQuery {
  readonly project: string
  readonly after: number
  /** Most events to return. */
  readonly limit: number
  /** Events that surely do not match are left out. Others may be among the result. */
  readonly filter?: LineFilter
}

export interface ScannedEvents {
  readonly events: readonly StoredEvent[]
  /** Number of the first event of the log after the position; undefined if there is none. */
  readonly first: number | undefined
  /** Number of the last event that was looked at. */
  readonly reached: number
  /** True if there were further events that did not fit into this read. */
  readonly isCut: boolean
}

/**
 * Reads the next events of a project in commit order, as many as fit into one page of a reply.
 * Events are in pages. Those from before there were pages are in a table of single rows, until
 * retention has deleted them. A read continues from one to the other at the next call.
 */
export async function scanEvents(reader: Pick<Reader, 'run'>, query: ScanQuery): Promise<ScannedEvents> {
  const { project, after, limit } = query
  const mostPages = Math.min(limit, pageLimit)
  const measured = await reader.run(measurePages, { project, after, limit: mostPages })
  const [next] = measured
  if (!next || next.first > after + 1) {
    const rows = await scanEventRows(reader, query, next?.first ?? Number.MAX_SAFE_INTEGER)
    if (rows.events.length > 0) return next ? { ...rows, isCut: true } : rows
  }
  if (!next) return { events: [], first: undefined, reached: after, isCut: false }
  const fitting = countRowsOfPage(measured.slice(0, countAdjacent(measured)))
  const scanned = await scanPages(reader, query, fitting)
  return { ...scanned, isCut: scanned.isCut || fitting < measured.length || measured.length === mostPages }
}

/** Returns the number of pages up to the first gap between two of them. */
function countAdjacent(pages: readonly { readonly first: number; readonly last: number }[]): number {
  const gap = pages.findIndex(({ first }, index) => index > 0 && first !== (pages[index - 1]?.last ?? 0) + 1)
  return gap < 0 ? pages.length : gap
}

interface EventPage {
  readonly first: number
  readonly last: number
  readonly at: number
  readonly form: number
  readonly lines: string
}

/**
 * Adds the events of a page that pass the test, up to the limit. Returns the number of the last
 * event that was looked at.
 */
function addEvents(
  events: StoredEvent[],
  { first, last, at, form, lines }: EventPage,
  { after, limit, test }: { after: number; limit: number; test: TextTest | undefined },
): number {
  if (form !== lineForm) throw new Error(`the events ${first} to ${last} have the unknown form ${form}`)
  if (test && !test.page(lines)) return last
  const texts = lines.split('\n')
  if (texts.length !== last - first + 1) throw new Error(`the page of the events ${first} to ${last} is damaged`)
  for (let seq = Math.max(first, after + 1); seq <= last; seq += 1) {
    const text = texts[seq - first] ?? ''
    if (test && !test.line(text)) continue
    if (events.length === limit) return seq - 1
    events.push({ ...parseEventLine(text), seq, at, bytes: Buffer.byteLength(text) })
  }
  return last
}

async function scanPages(
  reader: Pick<Reader, 'run'>,
  { project, after, limit, filter }: ScanQuery,
  count: number,
): Promise<ScannedEvents> {
  const pages = await reader.run(findPages, { project, after, limit: count })
  const test = filter && textTestOf(filter)
  const events: StoredEvent[] = []
  const first = firstSeqAfter(after, pages)
  let reached = after
  for (const page of pages) {
    reached = addEvents(events, page, { after, limit, test })
    if (reached < page.last) return { events, first, reached, isCut: true }
  }
  return { events, first, reached, isCut: false }
}

/** Number of the first event after a position in these pages. */
const firstSeqAfter = (after: number, [page]: readonly { readonly first: number }[]): number | undefined =>
  page && Math.max(page.first, after + 1)

async function scanEventRows(
  reader: Pick<Reader, 'run'>,
  { project, after, limit }: ScanQuery,
  before: number,
): Promise<ScannedEvents> {
  const range = { project, after, before, limit: Math.min(limit, pageLimit) }
  const sizes = await reader.run(measureEventRows, range)
  const fitting = countRowsOfPage(sizes)
  const rows = fitting === 0 ? [] : await reader.run(findEventRows, { ...range, limit: fitting })
  const events = rows.map(({ projectId: _, audience, data, ...row }) => ({
    ...row,
    audience: audience === null ? null : JSON.parse(audience),
    data: JSON.parse(data),
    bytes: Buffer.byteLength(data),
  }))
  const isCut = fitting < sizes.length || sizes.length === range.limit
  return { events, first: events[0]?.seq, reached: events.at(-1)?.seq ?? after, isCut }
}
