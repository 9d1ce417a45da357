import { and, eq, isNotNull, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { placeholder, type StatementParts, statement, type Transaction } from '../../store/store.ts'

/**
 * A held lock or a paused epic blocks a parked task for every agent. The task is outside the index
 * that claims read, or each claim would step over all such tasks. Its `parkedOn` names the blocker.
 * The first claim that reads the task parks it.
 */
const epicPrefix = 'epic/'

/** Returns the mark for tasks of a paused epic. No lock has this form. */
export const epicBlocker = (epic: string): string => epicPrefix + epic

/** Returns the epic that a mark names; undefined for a lock. */
export const epicOfBlocker = (blocker: string): string | undefined =>
  blocker.startsWith(epicPrefix) ? blocker.slice(epicPrefix.length) : undefined

/** SQL that is true for the mark of a lock. */
export const namesLockSql = (parkedOn: SQLWrapper): SQL => sql`${parkedOn} not like ${sql.raw(`'${epicPrefix}%'`)}`

const parkOne = statement(({ db, t, p }: StatementParts<{ ord: number; blocker: string }>) =>
  db
    .update(t.tasks)
    .set({ ready: null, parkedOn: p.blocker })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready)))
    .returning({ ord: t.tasks.ord })
    .prepare(),
)

/** Takes a claimable task out of the index. It keeps its age and the rank it has from that. */
export async function parkTask(tx: Transaction, ord: number, blocker: string): Promise<void> {
  await tx.run(parkOne, { ord, blocker })
}

const selectParked = ({ db, t, p }: StatementParts<ParkedQuery>, only: ReturnType<typeof eq>[]) =>
  db
    .select({ ord: t.tasks.ord })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.parkedOn, p.blocker), ...only))
    .orderBy(t.tasks.rank, t.tasks.ord)
    .limit(placeholder('limit'))
    .prepare()

interface ParkedQuery {
  project: string
  blocker: string
  limit: number
}

const findFirstParked = statement((query: StatementParts<ParkedQuery>) => selectParked(query, []))

/** Rank 4 is `low`, which waits longest under saturation. */
const findFirstLowParked = statement((query: StatementParts<ParkedQuery>) =>
  selectParked(query, [sql`${query.t.tasks.rank} = 4`]),
)

const unparkOne = statement(({ db, t, p }: StatementParts<{ ord: number; blocker: string }>) =>
  db
    .update(t.tasks)
    .set({ ready: sql`${t.tasks.routeId}`, parkedOn: null })
    .where(and(eq(t.tasks.ord, p.ord), eq(t.tasks.parkedOn, p.blocker)))
    .returning({ projectId: t.tasks.projectId, requires: t.tasks.requires, assignedTo: t.tasks.assignedTo })
    .prepare(),
)

type ClaimableRow = { readonly projectId: string; readonly requires: string; readonly assignedTo: string | null }

/** Wakes waiting claims for all of these tasks: one notification for equal requirements. */
export function notifyAllClaimable(tx: Transaction, rows: readonly ClaimableRow[]): void {
  const groups = Map.groupBy(rows, ({ requires, assignedTo }) => `${assignedTo ?? ''} ${requires}`)
  for (const { length: count, 0: one } of groups.values()) {
    if (one)
      tx.notify({
        topic: 'tasks',
        project: one.projectId,
        requires: one.requires,
        assignedTo: one.assignedTo ?? '',
        count,
      })
  }
}

/**
 * The number of tasks to unpark at a time. One of them will take the freed lock; the others may
 * need another held lock or an agent that is not there.
 */
export const unparkLimit = 10

/**
 * Unparks the first tasks that a freed blocker had stopped, and wakes claims for them. The oldest
 * `low` task is always among them, because it can age only inside the index.
 */
export async function unparkFirstTasks(
  tx: Transaction,
  project: string,
  blocker: string,
  max = unparkLimit,
): Promise<number> {
  const limit = Math.min(max, unparkLimit)
  const chosen = await tx.run(findFirstParked, { project, blocker, limit })
  const low = chosen.length < limit ? [] : await tx.run(findFirstLowParked, { project, blocker, limit: 1 })
  const ords = new Set([...chosen, ...low].map(({ ord }) => ord))
  const rows: ClaimableRow[] = []
  for (const ord of ords) rows.push(...(await tx.run(unparkOne, { ord, blocker })))
  notifyAllClaimable(tx, rows)
  return ords.size
}
