import { wakePolicy } from '@tony/mcp-shared/wakes'
import { and, eq, exists, isNotNull, isNull, lte, or } from 'drizzle-orm'
import { endWake } from '../domain/wakes/end-wakes.ts'
import { promoteDeferredWake } from '../domain/wakes/promote-deferred.ts'
import { wakeForTasks } from '../domain/wakes/wake-for-tasks.ts'
import { equalsLiteral } from '../store/sql-literals.ts'
import { placeholder, type StatementParts, statement } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

interface DueParams {
  project: string
  endBefore: number
  deferredBefore: number
  limit: number
}

const findDueWakes = statement(({ db, t, p }: StatementParts<DueParams>) =>
  db
    .select({ id: t.wakes.id, status: t.wakes.status })
    .from(t.wakes)
    .where(
      and(
        eq(t.wakes.projectId, p.project),
        isNull(t.wakes.endedAt),
        lte(t.wakes.requestedAt, p.endBefore),
        or(equalsLiteral(t.wakes.status, 'requested'), lte(t.wakes.requestedAt, p.deferredBefore)),
      ),
    )
    .limit(placeholder('limit'))
    .prepare(),
)

type ReadyTasksQuery = Pick<StatementParts<{ project: string; readyBy: number }>, 'db' | 't' | 'p'>

const readyTasksSql = ({ db, t, p }: ReadyTasksQuery) =>
  db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), isNotNull(t.tasks.ready), lte(t.tasks.readyAt, p.readyBy)))

/** An idle session that takes tasks, if a task has been ready for long enough. */
const findTaskTakingSession = statement(({ db, t, p }: StatementParts<{ project: string; readyBy: number }>) =>
  db
    .select({ agentId: t.idleSessions.agentId })
    .from(t.idleSessions)
    .where(
      and(
        eq(t.idleSessions.projectId, p.project),
        eq(t.idleSessions.takesTasks, 1),
        exists(readyTasksSql({ db, t, p })),
      ),
    )
    .limit(1)
    .prepare(),
)

/**
 * Ends the wakes whose time is over, requests the deferred ones and wakes idle sessions for ready
 * tasks. The wakes for messages, cancels and answers follow in the transaction of their cause.
 */
export const wakeSessions: Sweep = {
  name: 'wake-sessions',
  everyMs: 500,
  batch: async ({ store }, project) => {
    const { due, takers } = await store.read(async (reader) => ({
      due: await reader.run(findDueWakes, {
        project,
        endBefore: reader.now - wakePolicy.endMs,
        deferredBefore: reader.now - wakePolicy.intervalMs,
        limit: sweepLimit,
      }),
      takers: await reader.run(findTaskTakingSession, { project, readyBy: reader.now - wakePolicy.taskDelayMs }),
    }))
    // A project of idle sessions without work is read only: no transaction takes the writer's time.
    if (due.length === 0 && takers.length === 0) return 0
    return store.transact({ project }, async (tx) => {
      for (const { id, status } of due)
        await (status === 'requested' ? endWake(tx, id, 'unavailable') : promoteDeferredWake(tx, id))
      if (takers.length > 0) await wakeForTasks(tx, project)
      return due.length
    })
  },
}
