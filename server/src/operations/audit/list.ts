import type { auditListInput, auditListOutput } from '@tony/mcp-shared/audit'
import { errorCodes } from '@tony/mcp-shared/errors'
import { eventTypes } from '@tony/mcp-shared/event-words'
import { and, eq, gt, isNull, or, type SQL } from 'drizzle-orm'
import { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { isAllowed } from '../../domain/principal.ts'
import { pageByteLimit } from '../../platform/paging.ts'
import { iso } from '../../platform/times.ts'
import { type StoredEvent, scanEvents } from '../../store/event-log/read-events.ts'
import type { Reader } from '../../store/store.ts'

type Input = z.output<typeof auditListInput>
type Output = z.output<typeof auditListOutput>

/**
 * After about this number of events of the log, the call returns its page even if the page is not
 * full. Events that no request caused are read but are not part of the page.
 */
const scanLimit = 20_000

const eventType = z.enum(eventTypes)
const errorCode = z.enum(errorCodes as [(typeof errorCodes)[number], ...(typeof errorCodes)[number][]])

const toMutation = (event: StoredEvent): Output['mutations'][number] => ({
  seq: event.seq,
  at: iso(event.at),
  type: eventType.parse(event.type),
  subject: event.subject,
  actor: event.actor,
  data: event.data,
  sessionId: event.sessionId,
  keyId: event.credentialId,
  requestId: event.requestId ?? '',
})

/** True if a request caused the event and it is of the wanted session, agent and request. */
const isWanted = ({ sessionId, agentId, requestId }: Input, event: StoredEvent): boolean =>
  event.requestId !== null &&
  (sessionId === undefined || event.sessionId === sessionId) &&
  (agentId === undefined || event.actor === agentId) &&
  (requestId === undefined || event.requestId === requestId)

/** Returns the events that a request caused, in the order of the log. */
async function listMutations(reader: Reader, project: string, input: Input): Promise<Output> {
  const { limit, sessionId, agentId, requestId } = input
  const texts = [sessionId, agentId, requestId].filter((text) => text !== undefined)
  const { first, last } = await logRangeOf(reader, project)
  const start = Math.max(Number(input.cursor ?? 0), first - 1)
  const end = Math.min(start + scanLimit, last)
  const mutations: Output['mutations'] = []
  let bytes = 0
  let reached = start
  while (reached < end) {
    const read = await scanEvents(reader, { project, after: reached, limit, filter: { texts } })
    if (read.reached === reached) break
    for (const event of read.events) {
      if (isWanted(input, event)) {
        bytes += event.bytes
        const isFull = mutations.length === limit || (mutations.length > 0 && bytes > pageByteLimit)
        if (isFull) return { mutations, denials: [], cursor: String(reached), more: true }
        mutations.push(toMutation(event))
      }
      reached = event.seq
    }
    reached = read.reached
    if (mutations.length === limit) break
  }
  return { mutations, denials: [], cursor: String(reached), more: reached < last }
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
