import type { EventType } from '@tony/mcp-shared/event-words'
import fc from 'fast-check'
import { act, agentOf, given, number, pick, seldom } from './acts.ts'
import { same } from './differs.ts'
import { type Filter, inFeed } from './feed.model.ts'
import type { Play, Told } from './play.ts'
import { type Caller, iso, refuse } from './state.ts'

interface Page {
  readonly events: readonly unknown[]
  readonly cursor: string
  readonly more: boolean
}
const isPage = (value: unknown): value is Page => typeof value === 'object' && value !== null && 'events' in value

export const eventOf = ({ event: { seq, at, type, subject, actor, data } }: Told) => ({
  seq,
  at: iso(at),
  type,
  subject,
  actor,
  data: JSON.parse(data),
})

/** Returns the events of a caller's feed after a number. */
export const feedOf = (play: Play, caller: Caller, filter: Filter, after: number) => {
  const wanted = inFeed(caller, filter)
  return play.told
    .filter(({ fact, event }) => event.seq > after && wanted(fact, JSON.parse(event.data).agentId))
    .toSorted((a, b) => a.event.seq - b.event.seq)
    .map(eventOf)
}

const types = fc.constantFrom<EventType[][]>(
  ['task.created', 'task.claimed'],
  ['task.completed'],
  ['message.sent', 'message.dead', 'message.acked'],
  ['agent.registered'],
)

const filters = fc.record({
  types: seldom(types),
  task: seldom(number),
  agent: seldom(number),
  thread: seldom(fc.constantFrom('th1', 'th2')),
  epic: seldom(fc.constantFrom('e1', 'e2')),
})

/**
 * Reads pages of any length from any cursor. Together they must be the model's events, each once
 * and in order.
 */
export const listing = act(
  'events.list',
  fc.record({
    by: fc.nat(8),
    from: fc.nat(100),
    filter: filters,
    limits: fc.array(fc.constantFrom(1, 2, 3, 7, 1_000), { minLength: 1, maxLength: 3 }),
  }),
  async (play, { by, from, filter: wanted, limits }) => {
    const caller = by === 8 ? undefined : agentOf(play, by)
    const { types: only, thread, epic } = wanted
    const task = wanted.task === undefined ? undefined : pick(play.state.tasks, wanted.task)
    const agent = wanted.agent === undefined ? undefined : agentOf(play, wanted.agent)
    const filter: Filter = { types: only, task, agent, thread, epic }
    const input = given({ types: only, taskId: task?.id, agentId: agent?.id, threadId: thread, epic })
    const start = from % (play.world.seen + 1)
    const expected = feedOf(play, caller, filter, start)
    const got: unknown[] = []
    let cursor = `${play.world.site.server.parts.store.epoch}.${start}`
    for (let turn = 0; ; turn += 1) {
      const limit = limits[turn % limits.length] ?? 1
      const page = await play.world.call(caller, 'events.list', { ...input, cursor, limit })
      if (!page.ok || !isPage(page.value)) throw new Error(`events.list: ${JSON.stringify(page)}`)
      same(expected.slice(got.length, got.length + limit), page.value.events, 'events.list')
      got.push(...page.value.events)
      cursor = page.value.cursor
      if (!page.value.more) break
    }
    same(expected, got, 'the feed')
  },
)

/** Reads with cursors that must be refused. */
export const misreading = act(
  'events.list with a cursor that is not one',
  fc.constantFrom('ahead', 'epoch', 'form'),
  async (play, which) => {
    const { epoch } = play.world.site.server.parts.store
    const cursors = { ahead: `${epoch}.${play.world.seen + 1}`, epoch: `ffffffff.1`, form: 'no cursor' }
    await play.call(undefined, 'events.list', { cursor: cursors[which] }, () =>
      refuse(which === 'form' ? 'INVALID_INPUT' : 'CURSOR_AHEAD'),
    )
  },
)
