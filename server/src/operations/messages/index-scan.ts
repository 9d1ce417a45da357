import { and, asc, desc, gt, gte, lt, lte, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Reader } from '../../store/store.ts'
import { headColumns, type MessageHead } from './serialize.ts'

/** A way through messages in the order of their sending. */
export interface IndexScan {
  /** What an index finds, which has `ord` next. */
  readonly indexed: SQL | undefined
  /** What is asked of each message on the way: no index knows it. */
  readonly where: SQL | undefined
}

interface PageQuery {
  readonly order: 'newest' | 'oldest'
  /** `ord` of the last one seen. */
  readonly after: number | undefined
  readonly limit: number
}

export interface Page {
  readonly rows: readonly MessageHead[]
  /** Where the next page begins; null at the end. */
  readonly next: number | null
}

/** So many messages one call looks at. A filter that few of them fit does not hold the server up. */
const scanLimit = 10_000

/** `column = value`, out of sight of the planner: it would leave the index that keeps the order for one that finds fewer. */
export const equalsUnindexed = (column: SQLWrapper, value: string): SQL => sql`${column} || '' = ${value}`

/** How far one walk has come: the last `ord` it vouches for, or the end. */
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

/** One page of what several walks find, each message once. */
export async function mergeScans(reader: Reader, scans: readonly IndexScan[], query: PageQuery): Promise<Page> {
  const sign = query.order === 'newest' ? -1 : 1
  const results: Awaited<ReturnType<typeof runScan>>[] = []
  for (const scan of scans) results.push(await runScan(reader, scan, query))
  const reached = results.flatMap((result) => (result.reached === undefined ? [] : [result.reached * sign]))
  // Beyond where the slowest walk stopped there may be more of it.
  const end = Math.min(...reached, Number.POSITIVE_INFINITY)
  const found = new Map(results.flatMap(({ rows }) => rows).map((row) => [row.ord, row]))
  const inOrder = [...found.values()].filter(({ ord }) => ord * sign <= end).sort((a, b) => (a.ord - b.ord) * sign)
  const rows = inOrder.slice(0, query.limit)
  const last = rows.at(-1)
  if (inOrder.length > rows.length && last) return { rows, next: last.ord }
  return { rows, next: reached.length > 0 ? end * sign : null }
}
