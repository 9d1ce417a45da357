import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { and, eq, type SQLWrapper, sql } from 'drizzle-orm'
import type { Transaction } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { requireRegisteredAgent } from '../agents/lookup.ts'
import { changeDependencies } from '../tasks/change-dependencies.ts'
import { canonicalRequires, ensureClaimGroup } from '../tasks/claim-group.ts'
import type { Dependency } from '../tasks/dependency-kinds.ts'
import { failDependents } from '../tasks/dependents.ts'
import { eligibilityColumns, isQueuedSql } from '../tasks/eligibility.ts'
import { notifyClaimable } from '../tasks/lease.ts'
import { requirePools } from '../tasks/locks.ts'
import { type Authorship, specColumns, storedHoldOf } from '../tasks/new-task.ts'
import { earlierSql } from '../tasks/queue-columns.ts'
import type { TaskRow } from '../tasks/task-row.ts'

/**
 * The deadline of a task with a lease or an open question after a change of `closeBy`, as SQL. If
 * the old `closeBy` was the deadline of an attempt, the attempt's own deadline is not stored. The
 * attempt then gets its whole `startToCloseMs` from now on.
 */
function startedDeadlineSql(t: Pick<Tables, 'tasks'>, closeBy: SQLWrapper, now: number) {
  const { tasks } = t
  const wasClose = sql`${tasks.timeoutAt} = ${tasks.closeBy}`
  const attempt = earlierSql(closeBy, sql`(${now} + ${tasks.startToCloseMs})`)
  return sql`case when ${tasks.status} = 'in_progress' and ${wasClose} then ${attempt} when ${wasClose} then ${closeBy} when ${tasks.status} in ('in_progress', 'input_required') then ${earlierSql(closeBy, tasks.timeoutAt)} end`
}

/** A task of a plan that differs from its last import. */
export interface PlannedChange {
  readonly planned: TaskSpec
  readonly planHash: string
  /** The dependencies that it inherits from parents within the plan. */
  readonly inherited: readonly Pick<Dependency, 'dependsOnId' | 'kind'>[]
}

/**
 * The hold of a task after the update: the plan's, which also lifts that of an earlier import. A
 * hold of `tasks.hold` stays.
 */
function plannedHoldSql({ tasks }: Pick<Tables, 'tasks'>, hold: string | null) {
  const isPlanned = sql`(${tasks.hold} is null or ${tasks.hold} like '%"planned":true}')`
  return sql`(case when ${isPlanned} then cast(${hold} as text) else ${tasks.hold} end)`
}

/** Updates an imported task to its plan. Its status, its lease and its result stay. */
export async function updatePlannedTask(
  tx: Transaction,
  authorship: Authorship,
  known: TaskRow,
  { planned, planHash, inherited }: PlannedChange,
): Promise<void> {
  const { project, createdBy: actor } = authorship
  const { t, now } = tx
  const change = { ...planned, parentId: planned.parentId ?? null, inherited }
  const { dependencies, openDeps, unmet } = await changeDependencies(tx, known, change, actor)
  await requirePools(tx, project, planned.locks)
  // A plan that names nobody leaves an assignment that was made here.
  const assignedTo =
    planned.assignedTo === undefined ? known.assignedTo : await requireRegisteredAgent(tx, project, planned.assignedTo)
  const requires = canonicalRequires(planned.requires)
  const routeId = await ensureClaimGroup(tx, { project, requires, assignedTo: assignedTo ?? '' })
  const planNotBefore = planned.notBefore === undefined ? null : Date.parse(planned.notBefore)
  const waiting = isQueuedSql(t)
  // After a failure, `notBefore` is the delay of the retry, which no plan shortens.
  const notBefore = sql`(case when ${waiting} and ${t.tasks.failures} = 0 then ${planNotBefore} else ${t.tasks.notBefore} end)`
  const closeBy = sql`(${t.tasks.createdAt} + ${planned.scheduleToCloseMs ?? null})`
  const scheduleToStartMs = sql`${planned.scheduleToStartMs ?? null}`
  const held = plannedHoldSql(t, storedHoldOf(now, authorship, planned, { externalId: planHash }))
  const hold = sql`(case when ${waiting} then ${held} end)`
  const eligibility = eligibilityColumns(t, { hold, openDeps, routeId, notBefore, closeBy, scheduleToStartMs, now })
  const [row] = await tx.db
    .update(t.tasks)
    .set({
      planHash,
      ...specColumns(planned),
      ...eligibility,
      closeBy,
      hold,
      timeoutAt: sql`case when ${waiting} then ${eligibility.timeoutAt} else ${startedDeadlineSql(t, closeBy, now)} end`,
      requires,
      assignedTo,
      routeId,
      notBefore,
      dependencies,
    })
    .where(and(eq(t.tasks.id, known.id), eq(t.tasks.projectId, project)))
    .returning()
  if (!row) throw new Error('an imported task vanished')
  const data = { status: row.status, title: row.title, externalId: row.externalId }
  tx.append({ type: 'task.updated', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  if (row.ready !== null) notifyClaimable(tx, row)
  if (row.status === 'blocked' && row.onDependencyFailure === 'fail') await failDependents(tx, unmet, actor, row.id)
}
