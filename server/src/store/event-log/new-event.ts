import type { EventType } from '@tony/mcp-shared/event-words'

/** An event that has no number yet. The batch assigns it before the commit. */
export interface NewEvent {
  readonly type: EventType
  readonly subject: string | null
  readonly actor: string | null
  readonly taskId?: string | null
  readonly epic?: string | null
  readonly threadId?: string | null
  /** Ids of the agents that may see the event; undefined means all. */
  readonly audience?: readonly string[]
  readonly data: object
  /** Milliseconds that a claimed task was ready. It is measured and not stored. */
  readonly waitMs?: number | undefined
}
