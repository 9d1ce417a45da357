import type { Fault } from './fault.ts'

const page = 'server/src/domain/feed/page.ts'
const list = 'server/src/operations/events/list.ts'
const append = 'server/src/store/commit/append-events.ts'

/** Faults that the model of the feed must find. */
export const feedFaults: readonly Fault[] = [
  {
    name: 'an event is missing',
    file: 'server/src/operations/tasks/progress.ts',
    find: "tx.append({ type: 'task.progressed'",
    replace: "if (taskId === '') tx.append({ type: 'task.progressed'",
  },
  {
    name: 'an event has another type',
    file: 'server/src/operations/tasks/cancel.ts',
    find: "type: 'task.cancelled'",
    replace: "type: 'task.failed'",
  },
  {
    name: 'an event has no actor',
    file: 'server/src/operations/tasks/claim.ts',
    find: "type: 'task.claimed', subject: row.id, actor: agentId",
    replace: "type: 'task.claimed', subject: row.id, actor: null",
  },
  {
    name: 'a number of the feed is left out',
    file: append,
    find: 'const [row] = await tx.run(reserveSeqs, { project, count: events.length })',
    replace: 'const [row] = await tx.run(reserveSeqs, { project, count: events.length + 1 })',
  },
  {
    name: 'the events of a batch are in the opposite order',
    file: append,
    find: "lines: lines.join('\\n')",
    replace: "lines: lines.toReversed().join('\\n')",
  },
  {
    name: 'other agents see the events of a message',
    file: page,
    find: '!audience.includes(principal.agent.id)',
    replace: 'audience.length === 0',
  },
  {
    name: 'a sender does not see the events of its message',
    file: 'server/src/domain/messages/participants.ts',
    find: 'fromAgent === null ? [toAgent] : [fromAgent, toAgent]',
    replace: 'fromAgent === null ? [toAgent] : [toAgent]',
  },
  {
    name: 'a filter by type matches every event',
    file: list,
    find: 'limit, ...filter } = input',
    replace: 'limit, types: _, ...filter } = input',
  },
  {
    name: 'a filter by task matches every event',
    file: list,
    find: 'limit, ...filter } = input',
    replace: 'limit, taskId: _, ...filter } = input',
  },
  {
    name: 'a filter by thread matches every event',
    file: list,
    find: 'limit, ...filter } = input',
    replace: 'limit, threadId: _, ...filter } = input',
  },
  {
    name: 'a filter by epic matches every event',
    file: list,
    find: 'limit, ...filter } = input',
    replace: 'limit, epic: _, ...filter } = input',
  },
  {
    name: 'a filter looks at the first event of a commit only',
    file: 'server/src/store/event-log/line.ts',
    find: 'lines.startsWith(start) || lines.includes(`\\n${start}`)',
    replace: 'lines.startsWith(start)',
  },
  {
    name: 'a page begins with the event of its cursor',
    file: list,
    find: 'let seq = start\n',
    replace: 'let seq = Math.max(start - 1, 0)\n',
  },
  {
    name: 'a page has one event too few, and its cursor skips it',
    file: list,
    find: 'events.push(data)',
    replace: 'if (limit === 1 || events.length < limit - 1) events.push(data)',
  },
  {
    name: 'a cursor beyond the end is accepted',
    file: 'server/src/domain/feed/cursor.ts',
    find: 'cursorEpoch !== epoch || seq > last',
    replace: 'cursorEpoch !== epoch',
  },
  {
    name: 'a cursor of another store is accepted',
    file: 'server/src/domain/feed/cursor.ts',
    find: 'cursorEpoch !== epoch || seq > last',
    replace: 'seq > last',
  },
]
