import { z } from 'zod'
import { eventTypes } from './event-words.ts'
import { id, json, timestamp, word } from './ids.ts'

/** One committed fact. `seq` is dense and in commit order, per project. */
export const event = z.object({
  seq: z.int(),
  at: timestamp,
  /** A word of `eventTypes`, or `checkpoint`: the filter matches no event up to this `seq`. */
  type: z.enum([...eventTypes, 'checkpoint']),
  /** Id of the task, message, agent, plan or project that the event is about. */
  subject: id.nullable(),
  /** Id of the agent that caused the event; null for the server itself. */
  actor: id.nullable(),
  data: json,
})

/**
 * A position in the feed: `<epoch>.<seq>`, 1–64 characters. Because it names the store's epoch, a
 * restored store cannot misread it.
 */
export const cursor = z.string().min(1).max(64)

const eventFilterFields = {
  /** Only these types. Default: all. */
  types: z.array(z.enum(eventTypes)).min(1).max(eventTypes.length).optional(),
  /** Only events about this task, and events of messages that name it. */
  taskId: id.optional(),
  /** Only events about or caused by this agent. */
  agentId: id.optional(),
  epic: word.optional(),
  threadId: z.string().min(1).max(128).optional(),
}

/** A filter of the feed as one object. An empty one matches every event. */
export const eventFilter = z.strictObject(eventFilterFields)

export const eventSubscribeInput = z.strictObject({
  /**
   * Only events after this one. Default: only new events. `start` means the beginning of the log.
   */
  cursor: cursor.optional(),
  ...eventFilterFields,
  /** Set by tRPC's client when it reconnects; takes precedence over `cursor`. */
  lastEventId: cursor.optional(),
})

export const eventListInput = z.strictObject({
  /** Only events after this one. Default: from the beginning of the log. */
  cursor: cursor.optional(),
  ...eventFilterFields,
  /** Maximum number of events in a page: 1–1 000, default 100. */
  limit: z.int().min(1).max(1_000).default(100),
})
export const eventListOutput = z.object({
  events: z.array(event),
  /** Pass it as `cursor` to get the next page. */
  cursor,
  /** True if the log held more events when the page was read. */
  more: z.boolean(),
})

export type EventFilter = Pick<z.output<typeof eventListInput>, 'types' | 'taskId' | 'agentId' | 'epic' | 'threadId'>
