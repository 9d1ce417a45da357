import { lockRowTasks, lockWaitingLimit } from '@tony/mcp-shared/locks'
import { and, eq, sql } from 'drizzle-orm'
import { iso } from '../../platform/times.ts'
import { placeholder, type Reader, type StatementParts, statement } from '../../store/store.ts'

interface ParkedQuery {
  project: string
  lock: string
  limit: number
}

const findParked = statement(({ db, t, p }: StatementParts<ParkedQuery>) =>
  db
    .select({ taskId: t.tasks.id, title: t.tasks.title, readyAt: t.tasks.readyAt, createdAt: t.tasks.createdAt })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.parkedOn, p.lock)))
    .orderBy(t.tasks.rank, t.tasks.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const countParked = statement(({ db, t, p }: StatementParts<ParkedQuery>) => {
  const parked = db
    .select({ ord: t.tasks.ord })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.parkedOn, p.lock)))
    .limit(placeholder('limit'))
    .as('parked')
  return db.select({ count: sql<number>`count(*)` }).from(parked).prepare()
})

/** Returns the tasks that are parked on a lock: their number, and the first of them. */
export async function queueOf(reader: Reader, project: string, lock: string) {
  const found = await reader.run(findParked, { project, lock, limit: lockRowTasks + 1 })
  const [counted] =
    found.length > lockRowTasks ? await reader.run(countParked, { project, lock, limit: lockWaitingLimit }) : []
  const waiters = found.slice(0, lockRowTasks).map(({ taskId, title, readyAt, createdAt }) => ({
    taskId,
    title,
    since: iso(readyAt ?? createdAt),
  }))
  return { waiting: counted?.count ?? found.length, waiters }
}
