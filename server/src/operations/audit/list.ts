import type { auditListInput, auditListOutput } from '@tony/mcp-shared/audit'
import { errorCodes } from '@tony/mcp-shared/errors'
import { eventTypes } from '@tony/mcp-shared/events'
import { and, eq, gt, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { isAllowed } from '../../domain/principal.ts'
import { countRowsOfPage } from '../../platform/paging.ts'
import { iso } from '../../platform/times.ts'
import type { Reader } from '../../store/store.ts'

type Input = z.output<typeof auditListInput>
type Output = z.output<typeof auditListOutput>

/** The number of events to read in one call. Events without a request do not fill the page. */
const scanLimit = 20_000

const eventType = z.enum(eventTypes)
const errorCode = z.enum(errorCodes as [(typeof errorCodes)[number], ...(typeof errorCodes)[number][]])

/** Returns the events that a request caused, in the order of the log. */
async function listMutations(reader: Reader, project: string, input: Input): Promise<Output> {
  const { events: e } = reader.t
  const after = Number(input.cursor ?? 0)
  const filters: SQL[] = []
  if (input.sessionId !== undefined) filters.push(eq(e.sessionId, input.sessionId))
  if (input.agentId !== undefined) filters.push(eq(e.actor, input.agentId))
  if (input.requestId !== undefined) filters.push(eq(e.requestId, input.requestId))
  const { first, last } = await logRangeOf(reader, project)
  const start = Math.max(after, first - 1)
  const end = Math.min(start + scanLimit, last)
  const where = and(eq(e.projectId, project), gt(e.seq, start), lte(e.seq, end), isNotNull(e.requestId), ...filters)
  const measured = await reader.db
    .select({ bytes: sql<number>`octet_length(${e.data})` })
    .from(e)
    .where(where)
    .orderBy(e.seq)
    .limit(input.limit)
  const count = countRowsOfPage(measured)
  const rows = await reader.db.select().from(e).where(where).orderBy(e.seq).limit(count)
  const isFull = count === input.limit || count < measured.length
  const reached = isFull ? (rows.at(-1)?.seq ?? end) : Math.max(start, end)
  return {
    mutations: rows.map((row) => ({
      seq: row.seq,
      at: iso(row.at),
      type: eventType.parse(row.type),
      subject: row.subject,
      actor: row.actor,
      data: JSON.parse(row.data),
      sessionId: row.sessionId,
      keyId: row.credentialId,
      requestId: row.requestId ?? '',
    })),
    denials: [],
    cursor: String(reached),
    more: reached < last,
  }
}

/**
 * Returns the denials in the caller's project. Denials of callers without a valid credential belong
 * to no project, and an admin sees them.
 */
async function listDenials(ctx: Context, reader: Reader, input: Input): Promise<Output> {
  const { denials: d } = reader.t
  const own = eq(d.projectId, ctx.principal.project)
  const visible = isAllowed(ctx.principal, 'keys:read') ? or(own, isNull(d.projectId)) : own
  const filters: SQL[] = []
  if (input.agentId !== undefined) filters.push(eq(d.subject, input.agentId))
  if (input.requestId !== undefined) filters.push(eq(d.requestId, input.requestId))
  const rows = await reader.db
    .select()
    .from(d)
    .where(and(gt(d.ord, Number(input.cursor ?? 0)), visible, ...filters))
    .orderBy(d.ord)
    .limit(input.limit + 1)
  const page = rows.slice(0, input.limit)
  return {
    mutations: [],
    denials: page.map(({ at, subject, path, code, address, requestId, count }) => ({
      at: iso(at),
      subject,
      path,
      code: errorCode.parse(code),
      address,
      requestId,
      count,
    })),
    cursor: String(page.at(-1)?.ord ?? input.cursor ?? 0),
    more: rows.length > input.limit,
  }
}

/** `audit.list`: the changes with their callers, or the denied calls. */
export const listAudit = (ctx: Context, input: Input): Promise<Output> =>
  ctx.read((reader) =>
    input.of === 'mutations' ? listMutations(reader, ctx.principal.project, input) : listDenials(ctx, reader, input),
  )
