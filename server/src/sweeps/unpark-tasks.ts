import { lockKindOf } from '@tony/mcp-shared/locks'
import { and, eq, gt } from 'drizzle-orm'
import { isEpicPaused } from '../domain/projects/epics.ts'
import { countFreeSlots } from '../domain/tasks/locks.ts'
import { epicOfBlocker, unparkFirstTasks, unparkLimit } from '../domain/tasks/parking.ts'
import { type Reader, type StatementParts, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findNextBlocker = statement(({ db, t, p }: StatementParts<{ project: string; after: string }>) =>
  db
    .select({ blocker: t.tasks.parkedOn })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), gt(t.tasks.parkedOn, p.after)))
    .orderBy(t.tasks.parkedOn)
    .limit(1)
    .prepare(),
)

/**
 * Returns how many of the tasks parked on this blocker to unpark now; 0 while it still blocks. For
 * a pool it is the number of free slots. For another lock or an epic it is several, because the
 * first task may still be blocked by another lock.
 */
async function unparkCount(reader: Reader, project: string, blocker: string): Promise<number> {
  const epic = epicOfBlocker(blocker)
  if (epic !== undefined) return (await isEpicPaused(reader, project, epic)) ? 0 : unparkLimit
  const freeSlots = await countFreeSlots(reader, project, blocker)
  return lockKindOf(blocker) === 'pool' || freeSlots === 0 ? freeSlots : unparkLimit
}

interface FreedBlocker {
  readonly blocker: string
  readonly limit: number
}

/** Returns the blockers of parked tasks that are gone now. It walks the blockers, not the tasks. */
async function freedBlockersOf(reader: Reader, project: string): Promise<FreedBlocker[]> {
  const freed: FreedBlocker[] = []
  let after = ''
  for (;;) {
    const [next] = await reader.run(findNextBlocker, { project, after })
    if (!next?.blocker) return freed
    after = next.blocker
    const count = await unparkCount(reader, project, after)
    if (count > 0) freed.push({ blocker: after, limit: count })
  }
}

/** Unparks tasks that the end of a lease has left parked: no task waits for a lock that is free. */
export const unparkTasks: Sweep = {
  name: 'unpark-tasks',
  everyMs: 250,
  batch: async ({ store }, project) => {
    const freed = await store.read((reader) => freedBlockersOf(reader, project))
    while (freed.length > 0) {
      const chunk = freed.splice(0, sweepLimit / unparkLimit)
      await store.transact({ project }, async (tx) => {
        for (const { blocker, limit } of chunk) await unparkFirstTasks(tx, project, blocker, limit)
      })
    }
    // One chunk of each blocker per run is enough: the next run follows 250 ms later.
    return 0
  },
}
