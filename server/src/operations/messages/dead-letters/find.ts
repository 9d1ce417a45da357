import type { deadLetterListInput } from '@tony/mcp-shared/dead-letters'
import { and, eq, lt, or, type SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { requireKnownAgent } from '../../../domain/agents/lookup.ts'
import type { Context } from '../../../domain/context.ts'
import { equalsLiteral } from '../../../store/sql-literals.ts'
import { type Reader, type StatementParts, statement } from '../../../store/store.ts'
import type { Tables } from '../../../store/tables/tables.ts'
import { equalsUnindexed, mergeScans, type ScanPage } from '../index-scan.ts'
import { headColumns, type MessageHead } from '../serialize.ts'
import { soleVisibleAgentOf } from '../visible.ts'

type Filter = z.output<typeof deadLetterListInput>['filter']

/** A filter with its agents resolved to ids. */
interface DeadLetterQuery {
  readonly project: string
  /** Limits the result to messages that this agent sent or received. */
  readonly only: string | undefined
  readonly to: string | undefined
  readonly from: string | undefined
  readonly type: string | undefined
  readonly before: number | undefined
}

const findMessageHead = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.select(headColumns(t.messages)).from(t.messages).where(eq(t.messages.id, p.id)).prepare(),
)

/** The conditions of a filter, apart from the project and the status `dead`. */
function conditionOf({ messages }: Tables, { only, to, from, type, before }: DeadLetterQuery): SQL | undefined {
  return and(
    only === undefined
      ? undefined
      : or(equalsUnindexed(messages.fromAgent, only), equalsUnindexed(messages.toAgent, only)),
    to === undefined ? undefined : equalsUnindexed(messages.toAgent, to),
    from === undefined ? undefined : equalsUnindexed(messages.fromAgent, from),
    type === undefined ? undefined : eq(messages.type, type),
    before === undefined ? undefined : lt(messages.endedAt, before),
  )
}

/** True if a row that was found by its id matches the filter, its project and its status. */
function matchesQuery(row: MessageHead, { project, only, to, from, type, before }: DeadLetterQuery): boolean {
  if (row.projectId !== project || row.status !== 'dead') return false
  if (only !== undefined && row.fromAgent !== only && row.toAgent !== only) return false
  if (to !== undefined && row.toAgent !== to) return false
  if (from !== undefined && row.fromAgent !== from) return false
  return (type === undefined || row.type === type) && (before === undefined || (row.endedAt ?? before) < before)
}

/** Returns the dead letters among up to 500 ids. The index finds each one by its id. */
async function findByIds(reader: Reader, ids: readonly string[], query: DeadLetterQuery): Promise<MessageHead[]> {
  const rows: MessageHead[] = []
  for (const id of new Set(ids))
    rows.push(...(await reader.run(findMessageHead, { id })).filter((row) => matchesQuery(row, query)))
  return rows.sort((a, b) => a.ord - b.ord)
}

async function toQuery(reader: Reader, { principal }: Context, filter: Filter): Promise<DeadLetterQuery> {
  const { project } = principal
  const { to, from, type, before } = filter
  return {
    project,
    only: soleVisibleAgentOf(principal),
    to: to === undefined ? undefined : await requireKnownAgent(reader, project, to),
    from: from === undefined ? undefined : await requireKnownAgent(reader, project, from),
    type,
    before: before === undefined ? undefined : Date.parse(before),
  }
}

/** Returns the dead letters that the caller may see, oldest first. */
export async function findDeadLetters(
  reader: Reader,
  ctx: Context,
  filter: Filter,
  { after, limit }: { readonly after: number | undefined; readonly limit: number },
): Promise<ScanPage> {
  const query = await toQuery(reader, ctx, filter)
  if (filter.messageIds) {
    const rows = (await findByIds(reader, filter.messageIds, query)).filter(({ ord }) => ord > (after ?? 0))
    const page = rows.slice(0, limit)
    return { rows: page, next: rows.length > limit ? (page.at(-1)?.ord ?? null) : null }
  }
  const { messages } = reader.t
  const indexed = and(eq(messages.projectId, query.project), equalsLiteral(messages.status, 'dead'))
  return mergeScans(reader, [{ indexed, where: conditionOf(reader.t, query) }], { order: 'oldest', after, limit })
}
