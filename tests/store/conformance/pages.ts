import { formatEventLine, textTestOf } from '@tony/mcp-server/store/event-log/line'
import type { NewEvent } from '@tony/mcp-server/store/event-log/new-event'
import { type StoredEvent, scanEvents } from '@tony/mcp-server/store/event-log/read-events'
import type { Store, TransactionParams } from '@tony/mcp-server/store/store'
import { eventTypes } from '@tony/mcp-shared/event-words'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addAgent, note, numbered, upTo } from '../given.ts'

const append = (store: Store, scope: TransactionParams, ...events: readonly NewEvent[]) =>
  store.transact(scope, async (tx) => {
    for (const event of events) tx.append(event)
  })

const read = async (store: Store, project: string, after = 0, limit = 1_000): Promise<readonly StoredEvent[]> =>
  (await store.read((reader) => scanEvents(reader, { project, after, limit }))).events

const pagesSql = 'select first, last from event_pages order by last'

const sent = {
  subject: 'm',
  actor: 'ada',
  data: { messageId: 'm', from: 'ada', to: 'bob', type: 'n', priority: 'low' },
}
const about = { subject: 't', actor: 'ada', taskId: 't', epic: 'walls' }

/** Events in each of the forms that a line has, and others that come close to one of them. */
const forms: readonly NewEvent[] = [
  ...eventTypes.map((type) => ({ ...note(type), type })),
  { ...sent, type: 'message.sent', audience: ['ada', 'bob'], threadId: 'h', taskId: 't' },
  { ...sent, type: 'message.sent', actor: null, data: { ...sent.data, from: null }, audience: ['bob'] },
  { ...sent, type: 'message.sent', data: { ...sent.data, from: 'cyd' }, audience: ['cyd', 'bob'] },
  { type: 'message.acked', subject: 'm', actor: 'bob', data: { messageId: 'm', attempt: 1 }, audience: ['ada', 'bob'] },
  { type: 'message.acked', subject: 'm', actor: 'bob', data: { messageId: 'n', attempt: 1 }, audience: [] },
  {
    type: 'message.redriven',
    subject: 'm',
    actor: null,
    data: { messageId: 'm', to: 'bob' },
    audience: ['ada', 'bob'],
  },
  { ...about, type: 'task.claimed', data: { attempt: 1, agentId: 'ada', leaseExpiresAt: 'soon' } },
  { ...about, type: 'task.completed', data: { attempt: 2, agentId: 'ada' } },
  { ...about, type: 'task.completed', actor: 'bob', data: { attempt: 2, agentId: 'ada' } },
  { ...about, type: 'task.created', data: { status: 'pending', type: 'code', title: null, externalId: '0' } },
  { ...about, type: 'task.updated', taskId: 'another', data: { agentId: 'ada', attempt: 1 } },
  {
    type: 'agent.offline',
    subject: 'ada',
    actor: 'ada',
    data: { name: 'ada', more: [1, { deep: '"\\\n\t\u2028 é 漢' }] },
  },
  { type: 'session.revoked', subject: 'ada', actor: null, data: {}, audience: ['ada'] },
  {
    type: 'key.created',
    subject: null,
    actor: '0',
    taskId: '1',
    epic: '0',
    threadId: '1',
    data: { to: 3 },
    audience: ['2'],
  },
]

const expected = ({ audience, taskId, epic, threadId, ...event }: NewEvent, index: number) => ({
  seq: index + 1,
  ...event,
  taskId: taskId ?? null,
  epic: epic ?? null,
  threadId: threadId ?? null,
  audience: audience ?? null,
})

type LogRow = Record<'seq' | 'type' | 'data' | 'audience' | 'task_id' | 'thread_id' | 'request_id', string | null>

export function pageConformance(open: () => Promise<Opened>): void {
  test('of each commit as one page, and of a large one in pages of 256', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    await append(store, { project }, note('a'))
    await append(store, { project }, ...upTo(600).map((index) => note(numbered('e', index))))
    expect(await opened.rows(pagesSql)).toEqual([
      { first: 1, last: 1 },
      { first: 2, last: 257 },
      { first: 258, last: 513 },
      { first: 514, last: 601 },
    ])
    expect((await read(store, project)).map(({ seq }) => seq)).toEqual(upTo(601))
  })

  test('and tells that there are more events after as many pages as a read may take', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    for (const type of ['one', 'two', 'three']) await append(store, { project }, note(type))
    const [two, all] = await store.read(async (reader) => [
      await scanEvents(reader, { project, after: 0, limit: 2 }),
      await scanEvents(reader, { project, after: 0, limit: 4 }),
    ])
    expect(two).toMatchObject({ reached: 2, isCut: true, events: { length: 2 } })
    expect(all).toMatchObject({ reached: 3, isCut: false, events: { length: 3 } })
  })

  test('of many bytes in pages of 64 KiB, and reads no more than fit into one page of a reply', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const error = '漢'.repeat(10_000)
    await append(store, { project }, ...upTo(60).map((index) => ({ ...note(numbered('e', index)), data: { error } })))
    const pages = await opened.rows<{ first: number; last: number }>(pagesSql)
    expect(pages.map(({ first, last }) => last - first + 1)).toEqual(upTo(30).map(() => 2))
    const first = await store.read((reader) => scanEvents(reader, { project, after: 0, limit: 100 }))
    expect(first).toMatchObject({ first: 1, reached: 34, isCut: true, events: { length: 34 } })
    expect((await read(store, project, 34)).map(({ seq }) => seq)).toEqual(upTo(26).map((index) => 34 + index))
  })

  test('and reads them from any position in a page, up to any number', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    for (const size of [1, 5, 3])
      await append(store, { project }, ...upTo(size).map((index) => note(`${size} ${index}`)))
    for (let after = 0; after <= 9; after += 1) {
      for (const limit of upTo(10)) {
        const rest = upTo(9).slice(after, after + limit)
        expect((await read(store, project, after, limit)).map(({ seq }) => seq)).toEqual(rest)
      }
    }
  })

  test('with all their fields in every form, and the view event_log has the same', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const agent = await addAgent(store, project, 'ada')
    const fence = { sessionId: agent, agentId: agent, incarnation: 1 }
    await append(store, { project, fence, requestId: 'r' }, ...forms)
    const events = await read(store, project)
    const caller = { sessionId: 'ada', credentialId: null, requestId: 'r' }
    expect(events).toEqual(
      forms.map((event, index) => ({
        ...expected(event, index),
        ...caller,
        at: store.now(),
        bytes: expect.any(Number),
      })),
    )
    const rows = await opened.rows<LogRow>('select * from event_log order by seq')
    expect(rows.map((row) => ({ ...row, audience: row.audience, data: row.data }))).toEqual(
      events.map(({ bytes: _, ...event }) => ({
        project_id: project,
        seq: event.seq,
        at: event.at,
        type: event.type,
        subject: event.subject,
        actor: plain(event.actor),
        task_id: plain(event.taskId),
        epic: plain(event.epic),
        thread_id: plain(event.threadId),
        audience: event.audience && JSON.stringify(event.audience),
        data: JSON.stringify(event.data),
        session_id: event.sessionId,
        credential_id: null,
        request_id: event.requestId,
      })),
    )
  })

  test('so that a filter on the text of a line finds each of its texts and its type', () => {
    for (const event of forms) {
      const { actor, subject, taskId = null, epic = null, threadId = null, audience = null, type, data } = event
      const caller = { sessionId: 's', credentialId: null, requestId: null }
      const line = formatEventLine({ type, subject, actor, taskId, epic, threadId, audience, data, ...caller })
      const agentId = 'agentId' in data && typeof data.agentId === 'string' ? data.agentId : null
      const texts = [subject, actor, taskId, epic, threadId, agentId, 's', ...(audience ?? [])]
      for (const text of texts.filter((each) => each !== null)) {
        const found = textTestOf({ texts: [text], types: ['key.revoked', type] })
        expect([found.page(`[]\n${line}`), found.page(line), found.line(line)], line).toEqual([true, true, true])
      }
      const other = textTestOf({ types: eventTypes.filter((each) => each !== type) })
      expect([other.page(line), other.line(line)], line).toEqual([false, false])
      expect(textTestOf({ texts: ['absent'] }).page(line)).toBe(false)
    }
  })
}

/** The direct access to the rows of PostgreSQL returns digits as a number. */
const plain = (text: string | null): unknown =>
  text !== null && /^\d$/.test(text) ? expect.toSatisfy((value) => String(value) === text) : text
