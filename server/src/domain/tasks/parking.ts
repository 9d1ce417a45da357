import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { placeholder, type Query, statement, type Transaction } from '../../store/store.ts'

/**
 * A task that nobody may claim while a lock is held or its epic is paused stands outside the index that claims read, marked
 * with what it waits for: otherwise each claim would step over all that wait. The first claim that meets it puts it there.
 */
const epicPrefix = 'epic/'

/** What a task of a paused epic is marked with. No lock has this form. */
export const epicBlocker = (epic: string): string => epicPrefix + epic

/** The epic a mark names; undefined for a lock. */
export const epicOfBlocker = (blocker: string): string | undefined =>
  blocker.startsWith(epicPrefix) ? blocker.slice(epicPrefix.length) : undefined

const parkOne = statement(({ db, t, p }: Query<{ ord: number; blocker: string }>) =>
  db
    .update(t.tasks)
    .set({ ready: null, parkedOn: p.blocker })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready)))
    .returning({ ord: t.tasks.ord })
    .prepare(),
)

/** Takes a task that can be claimed out of the index. How long it has waited, and the rank it has for that, stay. */
export async function park(tx: Transaction, ord: number, blocker: string): Promise<void> {
  await tx.run(parkOne, { ord, blocker })
}

const selectParked = ({ db, t, p }: Query<ParkedQuery>, only: ReturnType<typeof eq>[]) =>
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

const findFirstParked = statement((query: Query<ParkedQuery>) => selectParked(query, []))

/** Of the rank that waits longest under saturation. */
const findFirstLowParked = statement((query: Query<ParkedQuery>) =>
  selectParked(query, [sql`${query.t.tasks.rank} = 4`]),
)

const unparkOne = statement(({ db, t, p }: Query<{ ord: number; blocker: string }>) =>
  db
    .update(t.tasks)
    .set({ ready: sql`${t.tasks.routeId}`, parkedOn: null })
    .where(and(eq(t.tasks.ord, p.ord), eq(t.tasks.parkedOn, p.blocker)))
    .returning({ projectId: t.tasks.projectId, requires: t.tasks.requires, assignedTo: t.tasks.assignedTo })
    .prepare(),
)

type ClaimableRow = { readonly projectId: string; readonly requires: string; readonly assignedTo: string | null }

/** Tells those who wait for work of all of these, with one wake for those that ask the same. */
export function notifyAllClaimable(tx: Transaction, rows: readonly ClaimableRow[]): void {
  const groups = Map.groupBy(rows, ({ requires, assignedTo }) => `${assignedTo ?? ''} ${requires}`)
  for (const { length: count, 0: one } of groups.values()) {
    if (one)
      tx.wake({
        topic: 'tasks',
        project: one.projectId,
        requires: one.requires,
        assignedTo: one.assignedTo ?? '',
        count,
      })
  }
}

/** So many at a time: one will take what has become free, and the others may want something else that is held, or nobody able. */
export const unparkLimit = 10

/**
 * Puts back the first of those that wait for something that has become free, and offers them. The eldest of the low ones
 * comes along whatever is before it: only there can it grow old enough to go first.
 */
export async function unpark(tx: Transaction, project: string, blocker: string, max = unparkLimit): Promise<number> {
  const limit = Math.min(max, unparkLimit)
  const chosen = await tx.run(findFirstParked, { project, blocker, limit })
  const low = chosen.length < limit ? [] : await tx.run(findFirstLowParked, { project, blocker, limit: 1 })
  const ords = new Set([...chosen, ...low].map(({ ord }) => ord))
  const rows: ClaimableRow[] = []
  for (const ord of ords) rows.push(...(await tx.run(unparkOne, { ord, blocker })))
  notifyAllClaimable(tx, rows)
  return ords.size
}
