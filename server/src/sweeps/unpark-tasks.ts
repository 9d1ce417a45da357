import { lockKind } from '@tony/mcp-shared/locks'
import { and, eq, gt } from 'drizzle-orm'
import { isEpicPaused } from '../domain/projects/epics.ts'
import { slotsLeft } from '../domain/tasks/locks.ts'
import { epicOfBlocker, unpark, unparkLimit } from '../domain/tasks/parking.ts'
import { type Query, type Reader, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const nextMark = statement(({ db, t, p }: Query<{ project: string; after: string }>) =>
  db
    .select({ mark: t.tasks.parkedOn })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), gt(t.tasks.parkedOn, p.after)))
    .orderBy(t.tasks.parkedOn)
    .limit(1)
    .prepare(),
)

/** How many of those that wait for this may be put back now. Of those that wait for a key, the first may not be the one that can go. */
async function unparkCount(reader: Reader, project: string, mark: string): Promise<number> {
  const epic = epicOfBlocker(mark)
  if (epic !== undefined) return (await isEpicPaused(reader, project, epic)) ? 0 : unparkLimit
  const freePlaces = await slotsLeft(reader, project, mark)
  return lockKind(mark) === 'pool' || freePlaces === 0 ? freePlaces : unparkLimit
}

interface FreedMark {
  readonly mark: string
  readonly limit: number
}

/** What tasks wait for and nobody holds. Goes from mark to mark, not from task to task. */
async function freedMarksIn(reader: Reader, project: string): Promise<FreedMark[]> {
  const freed: FreedMark[] = []
  let after = ''
  for (;;) {
    const [next] = await reader.run(nextMark, { project, after })
    if (!next?.mark) return freed
    after = next.mark
    const count = await unparkCount(reader, project, after)
    if (count > 0) freed.push({ mark: after, limit: count })
  }
}

/** The backstop of what happens when a lease ends: nothing waits for something that is no longer held. */
export const unparkTasks: Sweep = {
  name: 'unpark-tasks',
  everyMs: 250,
  batch: async ({ store }, project) => {
    const freed = await store.read((reader) => freedMarksIn(reader, project))
    while (freed.length > 0) {
      const chunk = freed.splice(0, sweepLimit / unparkLimit)
      await store.transact({ project }, async (tx) => {
        for (const { mark, limit } of chunk) await unpark(tx, project, mark, limit)
      })
    }
    // So many of each a round are enough: the next is a quarter of a second away.
    return 0
  },
}
