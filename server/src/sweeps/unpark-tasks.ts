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

/**
 * Returns the number of tasks parked on this mark to unpark now. For a key it is several: the first
 * may still be blocked by another lock.
 */
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

/** Returns the marks of parked tasks that are free now. It walks the marks, not the tasks. */
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

/** Unparks tasks that the end of a lease has left parked: no task waits for a lock that is free. */
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
    // One chunk of each mark per run is enough: the next run follows a quarter of a second later.
    return 0
  },
}
