import { and, asc, desc, gt, gte, lt, lte, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Reader } from '../../store/store.ts'
import { headOf, type MessageHead } from './serialize.ts'

/** A way through messages in the order of their sending. */
export interface Walk {
  /** What an index finds, which has `ord` next. */
  readonly along: SQL | undefined
  /** What is asked of each message on the way: no index knows it. */
  readonly where: SQL | undefined
}

interface Asked {
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
const lookLimit = 10_000

/** `column = value`, out of sight of the planner: it would leave the index that keeps the order for one that finds fewer. */
export const unplanned = (column: SQLWrapper, value: string): SQL => sql`${column} || '' = ${value}`

/** How far one walk has come: the last `ord` it vouches for, or the end. */
async function walkOne({ db, t }: Reader, { along, where }: Walk, { order, after, limit }: Asked) {
  const { messages } = t
  const [by, beyond, upTo] = order === 'newest' ? [desc, lt, gte] : [asc, gt, lte]
  const way = and(along, after === undefined ? undefined : beyond(messages.ord, after))
  const [bound] =
    where === undefined
      ? []
      : await db
          .select({ ord: messages.ord })
          .from(messages)
          .where(way)
          .orderBy(by(messages.ord))
          .limit(1)
          .offset(lookLimit - 1)
  const rows = await db
    .select(headOf(messages))
    .from(messages)
    .where(and(way, bound && upTo(messages.ord, bound.ord), where))
    .orderBy(by(messages.ord))
    .limit(limit + 1)
  const reached = rows.length > limit ? rows[limit - 1]?.ord : bound?.ord
  return { rows: rows.slice(0, limit), reached }
}

/** One page of what several walks find, each message once. */
export async function pageAlong(reader: Reader, walks: readonly Walk[], asked: Asked): Promise<Page> {
  const sign = asked.order === 'newest' ? -1 : 1
  const walked: Awaited<ReturnType<typeof walkOne>>[] = []
  for (const walk of walks) walked.push(await walkOne(reader, walk, asked))
  const reached = walked.flatMap((one) => (one.reached === undefined ? [] : [one.reached * sign]))
  // Beyond where the slowest walk stopped there may be more of it.
  const end = Math.min(...reached, Number.POSITIVE_INFINITY)
  const found = new Map(walked.flatMap(({ rows }) => rows).map((row) => [row.ord, row]))
  const inOrder = [...found.values()].filter(({ ord }) => ord * sign <= end).sort((a, b) => (a.ord - b.ord) * sign)
  const rows = inOrder.slice(0, asked.limit)
  const last = rows.at(-1)
  if (inOrder.length > rows.length && last) return { rows, next: last.ord }
  return { rows, next: reached.length > 0 ? end * sign : null }
}
