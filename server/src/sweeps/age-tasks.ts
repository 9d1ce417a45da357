import { and, eq, gt, isNotNull, lte, sql } from 'drizzle-orm'
import { blockerOf } from '../domain/tasks/blocker.ts'
import { parkTask } from '../domain/tasks/parking.ts'
import { agedRank } from '../domain/tasks/queue-columns.ts'
import { placeholder, type Reader, type StatementParts, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const findNextClaimGroup = statement(({ db, t, p }: StatementParts<{ project: string; after: number }>) =>
  db
    .select({ groupId: t.tasks.ready })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), gt(t.tasks.ready, p.after), sql`${t.tasks.rank} = 4`))
    .orderBy(t.tasks.ready)
    .limit(1)
    .prepare(),
)

const candidateColumns = ({ t }: Pick<StatementParts<object>, 't'>) => ({
  ord: t.tasks.ord,
  id: t.tasks.id,
  epic: t.tasks.epic,
  locks: t.tasks.locks,
})

interface ClaimGroupQuery {
  project: string
  groupId: number
  limit: number
}

const findStarvingTasks = statement(({ db, t, p }: StatementParts<ClaimGroupQuery & { since: number }>) =>
  db
    .select(candidateColumns({ t }))
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.projectId, p.project),
        eq(t.tasks.ready, p.groupId),
        lte(t.tasks.readyAt, p.since),
        sql`${t.tasks.rank} = 4`,
      ),
    )
    .orderBy(t.tasks.readyAt)
    .limit(placeholder('limit'))
    .prepare(),
)

const findAgedTasks = statement(({ db, t, p }: StatementParts<ClaimGroupQuery>) =>
  db
    .select(candidateColumns({ t }))
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.projectId, p.project),
        eq(t.tasks.ready, p.groupId),
        sql`${t.tasks.rank} = ${sql.raw(String(agedRank))}`,
      ),
    )
    .limit(placeholder('limit'))
    .prepare(),
)

const ageTask = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db
    .update(t.tasks)
    .set({ rank: agedRank })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready), sql`${t.tasks.rank} = 4`))
    .returning({ ord: t.tasks.ord })
    .prepare(),
)

/** The change of one task: it is aged, or parked if it has a `blocker`. */
interface AgingStep {
  readonly ord: number
  readonly blocker: string | undefined
}

interface AgingCandidate {
  readonly ord: number
  readonly id: string
  readonly epic: string | null
  readonly locks: string | null
}

/** Returns the steps for the candidates up to the first unblocked one. */
async function stepsUntilUnblocked(
  reader: Reader,
  project: string,
  candidates: readonly AgingCandidate[],
): Promise<AgingStep[]> {
  const steps: AgingStep[] = []
  for (const task of candidates) {
    const blocker = await blockerOf(reader, project, task)
    steps.push({ ord: task.ord, blocker })
    if (blocker === undefined) break
  }
  return steps
}

const endsUnblocked = (steps: readonly AgingStep[]): boolean => steps.at(-1)?.blocker === undefined && steps.length > 0

/**
 * The number of candidates per claim group and run. Blocked ones are parked before the next run.
 */
const candidateLimit = 16

/**
 * Returns the steps for one claim group. They age at most one unblocked task, and none while an
 * aged task of the group is unblocked. Blocked tasks before it are parked: an aged task that waits
 * for a lock would keep the others from aging.
 */
async function stepsOfClaimGroup(
  reader: Reader,
  project: string,
  groupId: number,
  since: number,
): Promise<AgingStep[]> {
  const groupQuery = { project, groupId, limit: candidateLimit }
  const starving = await reader.run(findStarvingTasks, { ...groupQuery, since })
  if (starving.length === 0) return []
  const agedSteps = await stepsUntilUnblocked(reader, project, await reader.run(findAgedTasks, groupQuery))
  if (endsUnblocked(agedSteps)) return []
  return [...agedSteps, ...(await stepsUntilUnblocked(reader, project, starving))]
}

/**
 * Returns the steps for the longest starving task of each claim group, unless an aged task of the
 * group is unblocked. It walks the claim groups, not the tasks.
 */
async function stepsOfProject(reader: Reader, project: string, since: number): Promise<AgingStep[]> {
  const steps: AgingStep[] = []
  let after = 0
  for (;;) {
    const [next] = await reader.run(findNextClaimGroup, { project, after })
    if (!next?.groupId) return steps
    after = next.groupId
    steps.push(...(await stepsOfClaimGroup(reader, project, after, since)))
  }
}

/**
 * A step's reason may be gone by now. If a task is parked in vain, the next run of `unpark` puts it
 * back.
 */
async function applySteps(tx: Transaction, steps: readonly AgingStep[]): Promise<void> {
  for (const { ord, blocker } of steps) {
    if (blocker === undefined) await tx.run(ageTask, { ord })
    else await parkTask(tx, ord, blocker)
  }
}

/** A task ages after this share of the longest wait, because others may still be before it. */
const starvationShare = 0.8

/**
 * Ages `low` tasks that have waited too long: they go before everything but `critical`, one of each
 * claim group at a time. Ten thousand `low` tasks grow old together, and aging all of them at once
 * would reverse the order.
 */
export const ageTasks: Sweep = {
  name: 'age-tasks',
  everyMs: 1_000,
  batch: async ({ store, config }, project) => {
    const steps = await store.read((reader) =>
      stepsOfProject(reader, project, reader.now - starvationShare * config.maxStarvationMs),
    )
    while (steps.length > 0) {
      const chunk = steps.splice(0, sweepLimit)
      await store.transact({ project }, (tx) => applySteps(tx, chunk))
    }
    return 0
  },
}
