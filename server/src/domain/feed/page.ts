import { type EventFilter, type EventType, type event, eventTypes } from '@tony/mcp-shared/events'
import { and, eq, gt } from 'drizzle-orm'
import type { z } from 'zod'
import { iso } from '../../platform/times.ts'
import { placeholder, type Query, type Reader, statement } from '../../store/store.ts'
import { type Principal, seesAllMessages } from '../principal.ts'
import { cursorAt, requireRetained } from './cursor.ts'
import { type Item, toItem } from './item.ts'
import { logRangeOf } from './log-range.ts'

export type EventOutput = z.output<typeof event>

/** An event as every subscriber shares it, with what visibility and filters look at. */
export interface FeedEvent extends Item<EventOutput> {
  readonly id: string
  readonly seq: number
  readonly type: EventType
  readonly taskId: string | null
  readonly epic: string | null
  readonly threadId: string | null
  readonly audience: readonly string[] | null
}

const findPage = statement(({ db, t, p }: Query<{ project: string; after: number; limit: number }>) =>
  db
    .select()
    .from(t.events)
    .where(and(eq(t.events.projectId, p.project), gt(t.events.seq, p.after)))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const eventTypeOf = (word: string): EventType => {
  const type = eventTypes.find((known) => known === word)
  if (!type) throw new Error(`an event has the unknown type ${word}`)
  return type
}

/** Events after `seq` in commit order, whoever may see them. */
export async function pageAfter(
  reader: Reader,
  project: string,
  epoch: string,
  seq: number,
  limit: number,
): Promise<FeedEvent[]> {
  const rows = await reader.run(findPage, { project, after: seq, limit })
  return rows.map((row) => {
    const type = eventTypeOf(row.type)
    const { subject, actor, taskId, epic, threadId } = row
    const output = { seq: row.seq, at: iso(row.at), type, subject, actor, data: JSON.parse(row.data) }
    const audience: readonly string[] | null = row.audience === null ? null : JSON.parse(row.audience)
    return { ...toItem(output), id: cursorAt(epoch, row.seq), seq: row.seq, type, taskId, epic, threadId, audience }
  })
}

/**
 * The same for one who follows the feed. What a subscriber has not read yet may be forgotten meanwhile: then it is told so,
 * and not taken on to what is left.
 */
export async function requirePageAfter(
  reader: Reader,
  project: string,
  epoch: string,
  seq: number,
  limit: number,
): Promise<FeedEvent[]> {
  const page = await pageAfter(reader, project, epoch, seq, limit)
  if (page[0]?.seq !== seq + 1) requireRetained(epoch, seq, (await logRangeOf(reader, project)).first)
  return page
}

/** Whether a caller may see an event and asked for it. A message's events are its participants' and the tech lead's. */
export function isVisible(principal: Principal, filter: EventFilter, candidate: FeedEvent): boolean {
  const { audience } = candidate
  if (audience !== null && !seesAllMessages(principal)) {
    if (!principal.agent || !audience.includes(principal.agent.id)) return false
  }
  if (filter.types && !filter.types.includes(candidate.type)) return false
  if (filter.taskId !== undefined && candidate.taskId !== filter.taskId) return false
  if (filter.epic !== undefined && candidate.epic !== filter.epic) return false
  if (filter.threadId !== undefined && candidate.threadId !== filter.threadId) return false
  const { agentId } = filter
  if (agentId === undefined) return true
  const { subject, actor, data } = candidate.data
  return [subject, actor, holderOf(data), ...(audience ?? [])].includes(agentId)
}

/** Whose lease an event is about: what ends one without its holder's doing is still the holder's to hear. */
const holderOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'agentId' in data ? data.agentId : undefined
