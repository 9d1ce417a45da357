import { and, asc, type Column, desc, gt, gte, is, lt, lte, Param, type SQL, sql } from 'drizzle-orm'
import { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { Reader } from '../../store/store.ts'
import { headColumns, type MessageHead } from './serialize.ts'

/** A scan of an index over messages, in the order of sending. */
export interface IndexScan {
  /** The condition that the index resolves. The index must continue with `ord`. */
  readonly indexed: SQL | undefined
  /** The condition that is tested on each message of the scan. No index resolves it. */
  readonly where: SQL | undefined
}

interface PageQuery {
  readonly order: 'newest' | 'oldest'
  /** `ord` of the last row of the previous page; undefined for the first page. */
  readonly after: number | undefined
  readonly limit: number
}

export interface ScanPage {
  readonly rows: readonly MessageHead[]
  /** The `ord` after which the next page begins; null at the end. */
  readonly next: number | null
}

/**
 * The number of messages after which a scan with a filter stops, even if it has found few. The next
 * page continues there.
 */
const scanLimit = 10_000

/**
 * `column = value`, hidden from the planner, which would otherwise leave the index with the right
 * order for one with fewer rows.
 */
export function equalsUnindexed(column: Column, value: string): SQL {
  const encoded = new Param(value, column)
  return is(column, SQLiteColumn) ? sql`+${column} = ${encoded}` : sql`${column} || '' = ${encoded}`
}

/** Runs one scan. `reached` is the last `ord` that it covers; undefined at the end of the index. */
async function runScan({ db, t }: Reader, { indexed, where }: IndexScan, { order, after, limit }: PageQuery) {
  const { messages } = t
  const [by, past, upTo] = order === 'newest' ? [desc, lt, gte] : [asc, gt, lte]
  const range = and(indexed, after === undefined ? undefined : past(messages.ord, after))
  const [bound] =
    where === undefined
      ? []
      : await db
          .select({ ord: messages.ord })
          .from(messages)
          .where(range)
          .orderBy(by(messages.ord))
          .limit(1)
          .offset(scanLimit - 1)
  const rows = await db
    .select(headColumns(messages))
    .from(messages)
    .where(and(range, bound && upTo(messages.ord, bound.ord), where))
    .orderBy(by(messages.ord))
    .limit(limit + 1)
  const reached = rows.length > limit ? rows[limit - 1]?.ord : bound?.ord
  return { rows: rows.slice(0, limit), reached }
}

/** Returns one page of the union of several scans, with each message once. */
export async function mergeScans(reader: Reader, scans: readonly IndexScan[], query: PageQuery): Promise<ScanPage> {
  const sign = query.order === 'newest' ? -1 : 1
  const results: Awaited<ReturnType<typeof runScan>>[] = []
  for (const scan of scans) results.push(await runScan(reader, scan, query))
  const reached = results.flatMap((result) => (result.reached === undefined ? [] : [result.reached * sign]))
  // After the point where the shortest scan stopped, it may have further rows.
  const end = Math.min(...reached, Number.POSITIVE_INFINITY)
  const found = new Map(results.flatMap(({ rows }) => rows).map((row) => [row.ord, row]))
  const inOrder = [...found.values()].filter(({ ord }) => ord * sign <= end).sort((a, b) => (a.ord - b.ord) * sign)
  const rows = inOrder.slice(0, query.limit)
  const last = rows.at(-1)
  if (inOrder.length > rows.length && last) return { rows, next: last.ord }
  return { rows, next: reached.length > 0 ? end * sign : null }
}
