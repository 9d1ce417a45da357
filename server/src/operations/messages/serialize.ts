import { type delivery, type message, messageStatuses, modeOfRank } from '@tony/mcp-shared/messages'
import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { eq, getTableColumns, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { pageCharacterLimit } from '../../platform/paging.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import { type Query, type Reader, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

export type MessageRow = Tables['messages']['$inferSelect']

type Status = MessageOutput['status']
export type MessageOutput = z.output<typeof message>

/**
 * A message without its payload, which may be large and is read only when the message is returned.
 */
export type MessageHead = Omit<MessageRow, 'payload'>

/** The columns of a message without its payload. */
export function headColumns(messages: Tables['messages']) {
  const { payload: _, ...head } = getTableColumns(messages)
  return head
}

const findPayload = statement(({ db, t, p }: Query<{ ord: number }>) =>
  db
    .select({ payload: sql<string | null>`coalesce(${t.messages.payload}, ${t.bodies.payload})` })
    .from(t.messages)
    .leftJoin(t.bodies, eq(t.bodies.id, t.messages.bodyId))
    .where(eq(t.messages.ord, p.ord))
    .prepare(),
)

export function statusOf(word: string): Status {
  const status = messageStatuses.find((known) => known === word)
  if (!status) throw new Error(`a message has the unknown status ${word}`)
  return status
}

type SharedFields = Omit<z.output<typeof delivery>, 'receipt' | 'ackBy'>

/** Returns the fields that a message and its delivery share on the wire. */
export const wireFieldsOf = (row: MessageHead, payload: string): SharedFields => ({
  id: row.id,
  from: row.fromAgent,
  to: row.toAgent,
  address: row.address,
  type: row.type,
  payload: JSON.parse(payload),
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

const serializeMessage = (row: MessageHead, payload: string): MessageOutput => ({
  ...wireFieldsOf(row, payload),
  bodyId: row.bodyId,
  status: statusOf(row.status),
  deliveredAt: isoOrNull(row.deliveredAt),
  shownAt: isoOrNull(row.shownAt),
  endedAt: isoOrNull(row.endedAt),
  lastError: row.lastError,
})

async function payloadOf(reader: Reader, { ord, id }: MessageHead): Promise<string> {
  const [found] = await reader.run(findPayload, { ord })
  if (typeof found?.payload !== 'string') throw new Error(`message ${id} is not whole`)
  return found.payload
}

export const toMessage = async (reader: Reader, row: MessageHead): Promise<MessageOutput> =>
  serializeMessage(row, await payloadOf(reader, row))

export interface MessagePage<T> {
  readonly page: T[]
  readonly nextCursor: string | null
}

/**
 * Returns the messages that fit into one page, at least one. `nextCursor` is the end of these rows,
 * or null at the end of the list.
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
    const payload = await payloadOf(reader, row)
    size += payload.length
    if (last && size > pageCharacterLimit) return { page, nextCursor: String(last.ord) }
    page.push(await toEntry(row, serializeMessage(row, payload)))
    last = row
  }
  return { page, nextCursor: next === null ? null : String(next) }
}
