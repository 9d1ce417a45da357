import type { EventType } from '@tony/mcp-shared/events'
import type { Agent, Caller, Fact, Task } from './state.ts'

/** What a subscriber asks to see: all of it must fit. */
export interface Filter {
  readonly types?: readonly EventType[] | undefined
  readonly task?: Task | undefined
  readonly agent?: Agent | undefined
  readonly epic?: string | undefined
  readonly thread?: string | undefined
}

/** Message events reach sender, recipient and tech leads only; everything else everyone of the project. */
const maySee = (caller: Caller, { audience }: Fact): boolean =>
  audience === undefined || caller === undefined || caller.role === 'tech-lead' || audience.includes(caller)

/** `holder` is whose lease the event is about: what ends one without its holder's doing is still the holder's to hear. */
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

/** Whether an event is in the feed of a caller with this filter. */
export const inFeed =
  (caller: Caller, filter: Filter) =>
  (fact: Fact, holder: unknown): boolean =>
    maySee(caller, fact) && fits(fact, holder, filter)
