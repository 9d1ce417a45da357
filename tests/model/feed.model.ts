import type { EventType } from '@tony/mcp-shared/event-words'
import type { Agent, Caller, Fact, Task } from './state.ts'

/** The filter of a subscriber. An event must fit every part of it. */
export interface Filter {
  readonly types?: readonly EventType[] | undefined
  readonly task?: Task | undefined
  readonly agent?: Agent | undefined
  readonly epic?: string | undefined
  readonly thread?: string | undefined
}

/**
 * Only the sender, the recipient and tech leads see the events of a message. Every agent of the
 * project sees the others.
 */
const maySee = (caller: Caller, { audience }: Fact): boolean =>
  audience === undefined || caller === undefined || caller.role === 'tech-lead' || audience.includes(caller)

/**
 * `holder` is the agent whose lease the event is about. The holder also sees the end of its lease
 * if another caller caused it.
 */
const fits = (fact: Fact, holder: unknown, { types, task, agent, epic, thread }: Filter): boolean =>
  (types === undefined || types.includes(fact.type)) &&
  (task === undefined || fact.task === task) &&
  (agent === undefined ||
    fact.subject === agent ||
    fact.actor === agent ||
    fact.audience?.includes(agent) === true ||
    holder === agent.id) &&
  (epic === undefined || fact.epic === epic) &&
  (thread === undefined || fact.thread === thread)

/** True if an event is in the feed of a caller with this filter. */
export const inFeed =
  (caller: Caller, filter: Filter) =>
  (fact: Fact, holder: unknown): boolean =>
    maySee(caller, fact) && fits(fact, holder, filter)
