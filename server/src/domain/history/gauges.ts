import { priorities, priorityOfRank } from '@tony/mcp-shared/priorities'
import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import { and, eq, isNotNull, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import { agentCountsOf } from '../agents/counts.ts'
import type { PresenceSource } from '../agents/status.ts'
import { namesLockSql } from '../tasks/parking.ts'
import { agedRank, claimRank } from '../tasks/queue-columns.ts'

const findDepths = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({
      status: t.taskCounts.status,
      priority: t.taskCounts.priority,
      tasks: sql<number>`sum(${t.taskCounts.tasks})`,
    })
    .from(t.taskCounts)
    .where(eq(t.taskCounts.projectId, p.project))
    .groupBy(t.taskCounts.status, t.taskCounts.priority)
    .prepare(),
)

/** Claim groups whose heads a sample reads, the oldest ones first. */
const groupLimit = 500

/**
 * The ids of the claim groups that have ready tasks. Groups are never deleted, so most of them may
 * be empty: each step of the query finds the next one in the index of the ready tasks.
 */
function readyGroupsSql(ofProject: SQL): SQL {
  const next = (after: SQL) =>
    sql`(select ready from tasks where ${ofProject} and ready is not null${after} order by ready limit 1)`
  const first = sql`select ${next(sql``)}, 1`
  const step = sql`select ${next(sql` and ready > filled.id`)}, n + 1 from filled where filled.id is not null and n < ${sql.raw(String(groupLimit))}`
  return sql`(with recursive filled(id, n) as (${first} union all ${step}) select id from filled where id is not null)`
}

/**
 * Reads the time at which the head of each filled claim group became ready, for each rank, and
 * returns the earliest of each rank. The aged `low` tasks have a rank of their own.
 */
const findOldestHeads = statement(({ db, t, p }: StatementParts<{ project: string }>) => {
  const ofProject = sql`${eq(t.tasks.projectId, p.project)}`
  const headReadyAt = (rank: number) =>
    sql<
      number | null
    >`(select ready_at from tasks where ${ofProject} and ready = routes.id and ready is not null and rank = ${sql.raw(String(rank))} order by ord limit 1)`
  const heads = db
    .select({
      critical: headReadyAt(claimRank(0)).as('critical'),
      high: headReadyAt(claimRank(1)).as('high'),
      normal: headReadyAt(claimRank(2)).as('normal'),
      low: headReadyAt(claimRank(3)).as('low'),
      aged: headReadyAt(agedRank).as('aged'),
    })
    .from(t.routes)
    .where(and(eq(t.routes.projectId, p.project), sql`${t.routes.id} in ${readyGroupsSql(ofProject)}`))
    .as('heads')
  return db
    .select({
      critical: sql<number | null>`min(${heads.critical})`,
      high: sql<number | null>`min(${heads.high})`,
      normal: sql<number | null>`min(${heads.normal})`,
      low: sql<number | null>`min(${heads.low})`,
      aged: sql<number | null>`min(${heads.aged})`,
    })
    .from(heads)
    .prepare()
})

/** Parked tasks that a sample counts. */
const parkedLimit = 10_000

const countParkedOnLocks = statement(({ db, t, p }: StatementParts<{ project: string }>) => {
  const parked = db
    .select({ blocker: t.tasks.parkedOn })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), isNotNull(t.tasks.parkedOn)))
    .limit(parkedLimit)
    .as('parked')
  return db.select({ tasks: sql<number>`count(*)` }).from(parked).where(namesLockSql(parked.blocker)).prepare()
})

const byPriority = z.object({ critical: z.number(), high: z.number(), normal: z.number(), low: z.number() })

/** The state of a project at one time, in the form in which a sample stores it. */
export const projectState = z.object({
  tasks: z.record(z.enum(taskStatuses), z.number()),
  pending: byPriority,
  oldestReadyMs: byPriority,
  lockWaitShare: z.number(),
  databaseBytes: z.number(),
})
export type ProjectState = z.output<typeof projectState>

/** Reads the depth of the queue by status, and of its pending tasks by priority. */
async function depthsOf(reader: Reader, project: string): Promise<Pick<ProjectState, 'tasks' | 'pending'>> {
  const rows = await reader.run(findDepths, { project })
  const sum = (matches: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(matches).reduce((total, { tasks }) => total + tasks, 0)
  const ofStatus = (status: string) => sum((row) => row.status === status)
  const ofPriority = (priority: string) =>
    sum((row) => row.status === 'pending' && priorityOfRank(row.priority) === priority)
  const [critical = 0, high = 0, normal = 0, low = 0] = priorities.map(ofPriority)
  const tasks = {
    blocked: ofStatus('blocked'),
    pending: ofStatus('pending'),
    in_progress: ofStatus('in_progress'),
    input_required: ofStatus('input_required'),
    in_review: ofStatus('in_review'),
    completed: ofStatus('completed'),
    failed: ofStatus('failed'),
    cancelled: ofStatus('cancelled'),
  }
  return { tasks, pending: { critical, high, normal, low } }
}

/** Returns the wait of the oldest queue head of each priority, in milliseconds; 0 for none. */
async function oldestReadyMsOf(reader: Reader, project: string): Promise<ProjectState['oldestReadyMs']> {
  const [heads] = await reader.run(findOldestHeads, { project })
  const { now } = reader
  const waitMs = (...readyAt: (number | null | undefined)[]) =>
    Math.max(0, ...readyAt.map((at) => (at === null || at === undefined ? 0 : now - at)))
  return {
    critical: waitMs(heads?.critical),
    high: waitMs(heads?.high),
    normal: waitMs(heads?.normal),
    low: waitMs(heads?.low, heads?.aged),
  }
}

interface StateParams {
  readonly project: string
  readonly databaseBytes: number
}

/**
 * Reads the state of a project. The cost does not grow with its tasks: it reads counters, queue
 * heads and a bounded number of parked tasks. Returns undefined for a project without tasks and
 * agents.
 */
export async function readProjectState(
  reader: Reader,
  source: PresenceSource,
  { project, databaseBytes }: StateParams,
): Promise<ProjectState | undefined> {
  const depths = await depthsOf(reader, project)
  const { total, byStatus } = await agentCountsOf(reader, source, project)
  if (total === 0 && Object.values(depths.tasks).every((tasks) => tasks === 0)) return undefined
  const live = total - byStatus.offline
  const [locked] = await reader.run(countParkedOnLocks, { project })
  const lockWaitShare = live === 0 ? 0 : Math.min(byStatus.idle, locked?.tasks ?? 0) / live
  return { ...depths, oldestReadyMs: await oldestReadyMsOf(reader, project), lockWaitShare, databaseBytes }
}
