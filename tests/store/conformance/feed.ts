import { scanEvents } from '@tony/mcp-server/store/event-log/read-events'
import type { Store } from '@tony/mcp-server/store/store'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { addProject, feed, note, numbered, outcomes, put, stored, upTo } from '../given.ts'

/** Runs one operation that appends an event for each subject. */
const append = (store: Store, project: string, ...subjects: string[]) =>
  store.transact({ project }, async (tx) => {
    for (const subject of subjects) tx.append(note(subject))
  })

export function feedConformance(open: () => Promise<Opened>): void {
  test('of one project from 1 without a gap, in the order of the commits', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    await append(store, project, 'a')
    await append(store, project, 'b', 'c')
    await append(store, project)
    await append(store, project, 'd')
    const events = await store.read(feed)
    expect(events.map(({ seq, subject }) => `${seq} ${subject}`)).toEqual(['1 a', '2 b', '3 c', '4 d'])
  })

  test('of operations that succeeded, and leaves no gap for those that failed', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    await outcomes(
      upTo(90).map((index) =>
        store.transact({ project }, async (tx) => {
          tx.append(note(numbered('e', index)))
          await put(tx, numbered('r', index))
          if (index % 3 === 0) throw new Error('no')
          tx.append(note(numbered('f', index)))
        }),
      ),
    )
    const events = await store.read(feed)
    expect(events.map(({ seq }) => seq)).toEqual(upTo(120))
    const survivors = upTo(90).filter((index) => index % 3 !== 0)
    expect(await store.read(stored)).toEqual(survivors.map((index) => numbered('r', index)))
    expect(events.map(({ subject }) => subject)).toEqual(
      survivors.flatMap((index) => [numbered('e', index), numbered('f', index)]),
    )
  })

  test('of 500 concurrent operations without a gap or a double', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    await Promise.all(upTo(500).map((index) => append(store, project, numbered('e', index))))
    const events = await store.read(feed)
    expect(events.map(({ seq }) => seq)).toEqual(upTo(500))
    expect(new Set(events.map(({ subject }) => subject)).size).toBe(500)
  })

  test('so that a concurrent reader sees a beginning of the log and never a gap', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    let running = true
    const writing = Promise.all(upTo(2_000).map((index) => append(store, project, numbered('e', index)))).then(() => {
      running = false
    })
    const lengths: number[] = []
    while (running) {
      const events = await store.read(feed)
      expect(events.map(({ seq }) => seq)).toEqual(upTo(events.length))
      lengths.push(events.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b))
    expect(new Set(lengths).size).toBeGreaterThan(2)
  })

  test('of many projects independently', async () => {
    await using opened = await open()
    const { store } = opened
    const projects = await Promise.all(upTo(10).map((index) => addProject(store, numbered('p', index))))
    await Promise.all(
      upTo(1_000).map((index) => append(store, projects[index % projects.length] ?? '', numbered('e', index))),
    )
    const byProject = Map.groupBy(await store.read(feed), ({ project }) => project)
    expect([...byProject.keys()]).toEqual(projects)
    for (const events of byProject.values()) {
      expect(events.map(({ seq }) => seq)).toEqual(upTo(100))
      const subjects = events.map(({ subject }) => subject)
      expect(subjects).toEqual(subjects.toSorted())
    }
  })

  test('and wakes once for each commit, after it', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const heads: Promise<{ seq: number }[]>[] = []
    store.onNotification((notification) => {
      if (notification.topic === 'events')
        heads.push(opened.rows(`select seq from projects where id = '${notification.project}'`))
    })
    await Promise.all([append(store, project, 'a'), append(store, project, 'b'), append(store, project)])
    await heads[0]
    await append(store, project)
    await append(store, project, 'c')
    expect(await Promise.all(heads)).toEqual([[{ seq: 2 }], [{ seq: 3 }]])
  })

  test('with all their fields', async () => {
    await using opened = await open()
    const { store } = opened
    const project = await projectOf(store)
    const at = await store.transact({ project }, async (tx) => {
      tx.append({
        ...note('s'),
        actor: 'a',
        taskId: 't',
        epic: 'e',
        threadId: 'h',
        audience: ['a', 'b'],
        data: { n: '\u0000 é' },
      })
      tx.append(note('bare'))
      return tx.now
    })
    const { events } = await store.read((reader) => scanEvents(reader, { project, after: 0, limit: 10 }))
    expect(events[0]).toEqual({
      bytes: expect.any(Number),
      seq: 1,
      sessionId: null,
      credentialId: null,
      requestId: null,
      at,
      type: 'task.updated',
      subject: 's',
      actor: 'a',
      taskId: 't',
      epic: 'e',
      threadId: 'h',
      audience: ['a', 'b'],
      data: { n: '\u0000 é' },
    })
    expect(events[1]).toMatchObject({ seq: 2, actor: null, taskId: null, epic: null, threadId: null, audience: null })
  })
}
