import { type delivery, type message, messageStatuses, modeOfRank } from '@tony/mcp-shared/messages'
import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { wakeStatus } from '@tony/mcp-shared/wakes'
import { and, eq, getTableColumns, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { triedProvidersOf, type WakeRow } from '../../domain/wakes/open-wakes.ts'
import { pageByteLimit } from '../../platform/paging.ts'
import { replyBytesOf } from '../../platform/reply-bytes.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

export type MessageRow = Tables['messages']['$inferSelect']

type MessageStatus = MessageOutput['status']
export type MessageOutput = z.output<typeof message>

/**
 * A message without its texts, which may be large and are read only when the message is returned.
 */
export type MessageHead = Omit<MessageRow, 'payload' | 'lastError'>

/** The columns of a message without its texts. */
export function headColumns(messages: Tables['messages']) {
  const { payload: _payload, lastError: _lastError, ...head } = getTableColumns(messages)
  return head
}

const findTexts = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db
    .select({
      payload: sql<string | null>`coalesce(${t.messages.payload}, ${t.bodies.payload})`,
      lastError: t.messages.lastError,
      wake: t.wakes,
    })
    .from(t.messages)
    .leftJoin(t.bodies, eq(t.bodies.id, t.messages.bodyId))
    .leftJoin(t.wakes, and(eq(t.wakes.subject, t.messages.id), equalsLiteral(t.wakes.reason, 'message')))
    .where(eq(t.messages.ord, p.ord))
    .prepare(),
)

export function messageStatusOf(word: string): MessageStatus {
  const status = messageStatuses.find((known) => known === word)
  if (!status) throw new Error(`a message has the unknown status ${word}`)
  return status
}

type SharedFields = Omit<z.output<typeof delivery>, 'receipt' | 'ackBy'>

/** The columns that a message and its delivery share on the wire, without the payload. */
type SharedColumns = Pick<
  MessageHead,
  | 'id'
  | 'fromAgent'
  | 'fromIncarnation'
  | 'toAgent'
  | 'address'
  | 'type'
  | 'priority'
  | 'mode'
  | 'threadId'
  | 'replyTo'
  | 'correlationId'
  | 'taskId'
  | 'createdAt'
  | 'expiresAt'
  | 'retryCount'
  | 'maxDeliver'
  | 'redrives'
>

/** Returns the fields that a message and its delivery share on the wire. */
export const sharedFieldsOf = (row: SharedColumns, payload: SharedFields['payload']): SharedFields => ({
  id: row.id,
  from: row.fromAgent,
  fromIncarnation: row.fromIncarnation,
  to: row.toAgent,
  address: row.address,
  type: row.type,
  payload,
  priority: priorityOfRank(row.priority),
  mode: modeOfRank(row.mode),
  threadId: row.threadId,
  replyTo: row.replyTo,
  correlationId: row.correlationId,
  taskId: row.taskId,
  sentAt: iso(row.createdAt),
  expiresAt: isoOrNull(row.expiresAt),
  attempt: row.retryCount,
  maxDeliver: row.maxDeliver,
  redrives: row.redrives,
})

export const wireFieldsOf = (row: SharedColumns, payload: string): SharedFields =>
  sharedFieldsOf(row, JSON.parse(payload))

const toMessageWake = (row: WakeRow): MessageOutput['wake'] => ({
  status: wakeStatus.parse(row.status),
  requestedAt: iso(row.requestedAt),
  endedAt: isoOrNull(row.endedAt),
  tried: triedProvidersOf(row),
})

export async function toMessage(reader: Reader, row: MessageHead): Promise<MessageOutput> {
  const [texts] = await reader.run(findTexts, { ord: row.ord })
  if (typeof texts?.payload !== 'string') throw new Error(`message ${row.id} has no payload`)
  return {
    ...wireFieldsOf(row, texts.payload),
    bodyId: row.bodyId,
    status: messageStatusOf(row.status),
    deliveredAt: isoOrNull(row.deliveredAt),
    shownAt: isoOrNull(row.shownAt),
    wake: texts.wake && toMessageWake(texts.wake),
    endedAt: isoOrNull(row.endedAt),
    lastError: texts.lastError,
  }
}

export interface MessagePage<T> {
  readonly page: T[]
  readonly nextCursor: string | null
}

/**
 * Reads the messages that fit into one page, one by one, and at least one. `nextCursor` is the end
 * of these rows, or null at the end of the list.
 */
export async function toMessagePage<T>(
  reader: Reader,
  { rows, next }: { readonly rows: readonly MessageHead[]; readonly next: number | null },
  toEntry: (row: MessageHead, message: MessageOutput) => Promise<T>,
): Promise<MessagePage<T>> {
  const page: T[] = []
  let size = 0
  let last: MessageHead | undefined
  for (const row of rows) {
    const entry = await toEntry(row, await toMessage(reader, row))
    size += replyBytesOf(entry)
    if (last && size > pageByteLimit) return { page, nextCursor: String(last.ord) }
    page.push(entry)
    last = row
  }
  return { page, nextCursor: next === null ? null : String(next) }
}
