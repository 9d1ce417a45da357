import { and, gt, inArray, isNull, sql } from 'drizzle-orm'
import { equalsLiteral } from '../sql-literals.ts'
import type { Reader } from '../store.ts'

/** Time in milliseconds for which a client may repeat a refresh. */
export const refreshRetryWindowMs = 10_000

/** Number of projects of a statement. Each database limits the parameters of one. */
const projectsPerStatement = 500

interface Outage {
  readonly lastCommit: number
  readonly ms: number
}

/** The connection that extends the deadlines. */
type TableWriter = Pick<Reader, 'db' | 't'>

/** Extends the deadlines of tasks, each row in one write. */
async function extendTasks({ db, t }: TableWriter, projects: string[], { lastCommit, ms }: Outage): Promise<void> {
  const isAlive = sql`${t.tasks.timeoutAt} > ${lastCommit}`
  const whereIn = inArray(t.tasks.projectId, projects)
  await db
    .update(t.tasks)
    .set({
      leaseExpiresAt: sql`${t.tasks.leaseExpiresAt} + ${ms}`,
      timeoutAt: sql`case when ${isAlive} then ${t.tasks.timeoutAt} + ${ms} else ${t.tasks.timeoutAt} end`,
      closeBy: sql`case when ${isAlive} then ${t.tasks.closeBy} + ${ms} else ${t.tasks.closeBy} end`,
    })
    .where(and(whereIn, equalsLiteral(t.tasks.status, 'in_progress'), gt(t.tasks.leaseExpiresAt, lastCommit)))
  const hasLease = sql`${t.tasks.status} = 'in_progress' and coalesce(${t.tasks.leaseExpiresAt}, 0) > ${lastCommit}`
  await db
    .update(t.tasks)
    .set({ timeoutAt: sql`${t.tasks.timeoutAt} + ${ms}`, closeBy: sql`${t.tasks.closeBy} + ${ms}` })
    .where(and(whereIn, gt(t.tasks.timeoutAt, lastCommit), sql`not (${hasLease})`))
}

async function extendMessages({ db, t }: TableWriter, projects: string[], { lastCommit, ms }: Outage): Promise<void> {
  const whereIn = inArray(t.messages.projectId, projects)
  const expiresAt = sql`${t.messages.expiresAt} + ${ms}`
  await db
    .update(t.messages)
    .set({ ackBy: sql`${t.messages.ackBy} + ${ms}`, expiresAt })
    .where(and(whereIn, equalsLiteral(t.messages.status, 'delivered'), gt(t.messages.ackBy, lastCommit)))
  await db
    .update(t.messages)
    .set({ expiresAt })
    .where(and(whereIn, equalsLiteral(t.messages.status, 'pending'), gt(t.messages.expiresAt, lastCommit)))
}

/** Extends the deadlines of requests and wakes. */
async function extendRequestsAndWakes(
  { db, t }: TableWriter,
  projects: string[],
  { lastCommit, ms }: Outage,
): Promise<void> {
  const { requests, wakes } = t
  await db
    .update(requests)
    .set({ deadlineAt: sql`${requests.deadlineAt} + ${ms}` })
    .where(
      and(
        inArray(requests.projectId, projects),
        equalsLiteral(requests.status, 'waiting'),
        gt(requests.deadlineAt, lastCommit),
      ),
    )
  // The time of a wake is over a fixed time after its request.
  await db
    .update(wakes)
    .set({ requestedAt: sql`${wakes.requestedAt} + ${ms}` })
    .where(and(inArray(wakes.projectId, projects), isNull(wakes.endedAt), equalsLiteral(wakes.status, 'requested')))
}

/**
 * Extends every deadline that was alive at the last commit by the length of the outage, before any
 * sweep runs. A holder that could not reach the server must not lose its lease for that. It covers
 * all projects and writes no event, so it locks no project's counter row.
 *
 * The conditions begin with the project, as the indexes of deadlines do. Without it each statement
 * reads its whole table, at every start.
 */
export async function extendDeadlines({ db, t }: TableWriter, lastCommit: number, outage: number): Promise<void> {
  const projects = (await db.select({ id: t.projects.id }).from(t.projects)).map(({ id }) => id)
  for (let from = 0; from < projects.length; from += projectsPerStatement)
    for (const extend of [extendTasks, extendMessages, extendRequestsAndWakes])
      await extend({ db, t }, projects.slice(from, from + projectsPerStatement), { lastCommit, ms: outage })
  // A client whose refresh got no reply because of the outage can still repeat it.
  await db
    .update(t.sessions)
    .set({ refreshedAt: sql`${t.sessions.refreshedAt} + ${outage}` })
    .where(and(isNull(t.sessions.revokedAt), gt(t.sessions.refreshedAt, lastCommit - refreshRetryWindowMs)))
  await db
    .update(t.agents)
    .set({ lastActivity: sql`${t.agents.lastActivity} + ${outage}` })
    .where(equalsLiteral(t.agents.status, 'active'))
}
