import { CoordinationError } from '@tony/mcp-shared/errors'
import { rankOfPriority } from '@tony/mcp-shared/priorities'
import type { taskTransitionOutput, taskUpdateInput } from '@tony/mcp-shared/task-changes'
import { endedStatuses } from '@tony/mcp-shared/task-statuses'
import { namedDependencyKinds } from '@tony/mcp-shared/task-waits'
import { and, eq, notInArray, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { requireRegisteredAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { changeDependencies } from '../../domain/tasks/change-dependencies.ts'
import { ensureClaimGroup } from '../../domain/tasks/claim-group.ts'
import type { DependencyState } from '../../domain/tasks/dependency-graph.ts'
import { dependencyKinds, isOwnKindSql } from '../../domain/tasks/dependency-kinds.ts'
import { failDependents } from '../../domain/tasks/dependents.ts'
import { eligibilityColumns, isQueuedSql } from '../../domain/tasks/eligibility.ts'
import { findTask, notifyClaimable, taskNotFoundError } from '../../domain/tasks/lease.ts'
import { claimRank } from '../../domain/tasks/queue-columns.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import type { Transaction } from '../../store/store.ts'
import { taskStatusOf } from './serialize.ts'

type Input = z.output<typeof taskUpdateInput>

const isEnded = ({ status }: TaskRow): boolean => endedStatuses.some((word) => word === status)
const isStarted = ({ status }: TaskRow): boolean => status !== 'blocked' && status !== 'pending'

const changesDependencies = ({ dependsOn, waitsFor }: Input): boolean =>
  dependsOn !== undefined || waitsFor !== undefined

/** Throws if the row does not allow the change. The statement tests the same conditions again. */
function requireUpdatable(row: TaskRow, input: Input): void {
  const { taskId, expectedRevision } = input
  const { status, revision } = row
  if (isEnded(row) || (changesDependencies(input) && isStarted(row))) {
    const what = isEnded(row) ? 'changed' : 'given other dependencies'
    throw new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${status} and cannot be ${what}`, { status })
  }
  if (revision !== expectedRevision) {
    const message = `task ${taskId} has revision ${revision}, not ${expectedRevision}: read it again, then decide`
    throw new CoordinationError('REVISION_CONFLICT', message, { revision })
  }
}

/** The columns that describe the task itself. */
const specColumns = ({ title, description, acceptanceCriteria, design, notes, priority, metadata }: Input) => ({
  ...(title === undefined ? {} : { title }),
  ...(description === undefined ? {} : { description }),
  ...(acceptanceCriteria === undefined ? {} : { acceptanceCriteria }),
  ...(design === undefined ? {} : { design }),
  ...(notes === undefined ? {} : { notes }),
  ...(priority === undefined ? {} : { priority: rankOfPriority(priority), rank: claimRank(rankOfPriority(priority)) }),
  ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
})

/** The columns for the assignee and its claim group. */
async function assignmentColumns(tx: Transaction, row: TaskRow, agent: Input['assignedTo']) {
  if (agent === undefined) return {}
  const assignedTo = agent === null ? null : await requireRegisteredAgent(tx, row.projectId, agent)
  const { requires, projectId: project } = row
  const routeId = await ensureClaimGroup(tx, { project, requires, assignedTo: assignedTo ?? '' })
  return { assignedTo, routeId, ready: sql`case when ${tx.t.tasks.ready} is not null then ${routeId} end` }
}

/** The columns for other dependencies. */
function dependencyColumns(tx: Transaction, { dependencies, openDeps }: DependencyState, routeId: number) {
  const { hold, notBefore, closeBy, scheduleToStartMs } = tx.t.tasks
  return {
    dependencies,
    ...eligibilityColumns(tx.t, {
      hold: sql`${hold}`,
      openDeps,
      routeId,
      notBefore: sql`${notBefore}`,
      closeBy: sql`${closeBy}`,
      scheduleToStartMs: sql`${scheduleToStartMs}`,
      now: tx.now,
    }),
  }
}

/** Replaces the dependencies that the input names. Those of the other list stay. */
async function changeDependenciesIn(tx: Transaction, known: TaskRow, input: Input, actor: string | null) {
  if (!changesDependencies(input)) return undefined
  const { taskDependencies: edges } = tx.t
  const stored = await tx.db
    .select({ taskId: edges.dependsOnId, kind: edges.kind })
    .from(edges)
    .where(and(eq(edges.taskId, known.id), isOwnKindSql(edges.kind)))
  const named = (word: keyof typeof dependencyKinds) =>
    stored.filter(({ kind }) => kind === dependencyKinds[word]).map(({ taskId }) => taskId)
  const {
    dependsOn = named('blocks'),
    waitsFor = namedDependencyKinds.flatMap((kind) => named(kind).map((taskId) => ({ taskId, kind }))),
  } = input
  return changeDependencies(tx, known, { dependsOn, waitsFor, parentId: known.parentId }, actor)
}

/**
 * `tasks.update`: changes the given fields if the task has the revision that the caller has read.
 */
export const updateTask = (ctx: Context, input: Input): Promise<z.output<typeof taskTransitionOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { taskId } = input
    const { tasks } = tx.t
    const [known] = await tx.run(findTask, { project, taskId })
    if (!known) throw taskNotFoundError(taskId)
    requireUpdatable(known, input)
    const assignment = await assignmentColumns(tx, known, input.assignedTo)
    const dependencyState = await changeDependenciesIn(tx, known, input, actorOf(ctx.principal))
    const [row] = await tx.db
      .update(tasks)
      .set({
        revision: sql`${tasks.revision} + 1`,
        ...specColumns(input),
        ...assignment,
        ...(dependencyState ? dependencyColumns(tx, dependencyState, assignment.routeId ?? known.routeId) : {}),
      })
      .where(
        and(
          eq(tasks.id, taskId),
          eq(tasks.projectId, project),
          eq(tasks.revision, input.expectedRevision),
          dependencyState ? isQueuedSql(tx.t) : notInArray(tasks.status, [...endedStatuses]),
        ),
      )
      .returning()
    if (!row)
      throw new CoordinationError(
        'REVISION_CONFLICT',
        `task ${taskId} was changed at the same time: read it again, then decide`,
      )
    const { status, revision } = await recordUpdate(tx, { row, known, dependencyState, actor: actorOf(ctx.principal) })
    return { taskId, status: taskStatusOf({ status }), revision }
  })

interface TaskUpdate {
  readonly row: TaskRow
  readonly known: TaskRow
  readonly dependencyState: DependencyState | undefined
  readonly actor: string | null
}

/**
 * Appends the event and returns the final task. A new dependency that failed or was cancelled may
 * have failed the task in this transaction.
 */
async function recordUpdate(tx: Transaction, { row, known, dependencyState, actor }: TaskUpdate): Promise<TaskRow> {
  const data = { status: row.status, title: row.title, externalId: row.externalId }
  tx.append({ type: 'task.updated', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  if (row.ready !== null && row.ready !== known.ready) notifyClaimable(tx, row)
  const fails = row.status === 'blocked' && row.onDependencyFailure === 'fail'
  if (!dependencyState || dependencyState.unmet.length === 0 || !fails) return row
  await failDependents(tx, dependencyState.unmet, actor, row.id)
  const [failed] = await tx.run(findTask, { project: row.projectId, taskId: row.id })
  return failed ?? row
}
