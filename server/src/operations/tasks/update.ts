import { CoordinationError } from '@tony/mcp-shared/errors'
import { rankOf } from '@tony/mcp-shared/priorities'
import type { taskMoved, taskUpdateInput } from '@tony/mcp-shared/task-changes'
import { endedStatuses } from '@tony/mcp-shared/tasks'
import { and, eq, notInArray, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { reachableAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { actorOf } from '../../domain/principal.ts'
import { routeFor } from '../../domain/tasks/claim-group.ts'
import { replaceEdges, type Weighed } from '../../domain/tasks/dependency-graph.ts'
import { failDependents } from '../../domain/tasks/dependents.ts'
import { isWaiting, standingAfter } from '../../domain/tasks/eligibility.ts'
import { findTask, offer, taskNotFound } from '../../domain/tasks/lease.ts'
import { claimRank } from '../../domain/tasks/queue-columns.ts'
import type { Transaction } from '../../store/store.ts'
import { statusOf, type TaskRow } from './serialize.ts'

type Input = z.output<typeof taskUpdateInput>

const isEnded = ({ status }: TaskRow): boolean => endedStatuses.some((word) => word === status)
const isHeld = ({ status }: TaskRow): boolean => status !== 'blocked' && status !== 'pending'

/** Refuses a change that the row as it is does not allow. The statement asks the same again. */
function refuse(row: TaskRow, { taskId, expectedRevision, dependsOn }: Input): void {
  const { status, revision } = row
  if (isEnded(row) || (dependsOn && isHeld(row))) {
    const what = isEnded(row) ? 'changed' : 'given other dependencies'
    throw new CoordinationError('ILLEGAL_TRANSITION', `task ${taskId} is ${status} and cannot be ${what}`, { status })
  }
  if (revision !== expectedRevision) {
    const message = `task ${taskId} has revision ${revision}, not ${expectedRevision}: read it again, then decide`
    throw new CoordinationError('REVISION_CONFLICT', message, { revision })
  }
}

/** What the caller says of the task itself. */
const says = ({ title, description, priority, metadata }: Input) => ({
  ...(title === undefined ? {} : { title }),
  ...(description === undefined ? {} : { description }),
  ...(priority === undefined ? {} : { priority: rankOf(priority), rank: claimRank(rankOf(priority)) }),
  ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
})

/** Who may claim it from now on. */
async function routed(tx: Transaction, row: TaskRow, agent: Input['assignedTo']) {
  if (agent === undefined) return {}
  const assignedTo = agent === null ? null : await reachableAgent(tx, row.projectId, agent)
  const { requires, projectId: project } = row
  const routeId = await routeFor(tx, { project, requires, assignedTo: assignedTo ?? '' })
  return { assignedTo, routeId, ready: sql`case when ${tx.t.tasks.ready} is not null then ${routeId} end` }
}

/** Where it stands with other dependencies. */
function waits(tx: Transaction, { dependencies, openDeps }: Weighed, routeId: number) {
  const { notBefore, closeBy, scheduleToStartMs } = tx.t.tasks
  return {
    dependencies,
    ...standingAfter(tx.t, {
      openDeps,
      routeId,
      notBefore: sql`${notBefore}`,
      closeBy: sql`${closeBy}`,
      scheduleToStartMs: sql`${scheduleToStartMs}`,
      now: tx.now,
    }),
  }
}

/** `tasks.update`: changes what is given, if the task is still what the caller has read. */
export const updateTask = (ctx: Context, input: Input): Promise<z.output<typeof taskMoved>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { taskId, dependsOn } = input
    const { tasks } = tx.t
    const [known] = await tx.run(findTask, { project, taskId })
    if (!known) throw taskNotFound(taskId)
    refuse(known, input)
    const route = await routed(tx, known, input.assignedTo)
    const weighed = dependsOn && (await replaceEdges(tx, known, [...new Set(dependsOn)]))
    const [row] = await tx.db
      .update(tasks)
      .set({
        revision: sql`${tasks.revision} + 1`,
        ...says(input),
        ...route,
        ...(weighed ? waits(tx, weighed, route.routeId ?? known.routeId) : {}),
      })
      .where(
        and(
          eq(tasks.id, taskId),
          eq(tasks.projectId, project),
          eq(tasks.revision, input.expectedRevision),
          dependsOn ? isWaiting(tx.t) : notInArray(tasks.status, [...endedStatuses]),
        ),
      )
      .returning()
    if (!row) throw new CoordinationError('REVISION_CONFLICT', `task ${taskId} was changed just now: read it again`)
    const { status, revision } = await announce(tx, { row, known, weighed, actor: actorOf(ctx.principal) })
    return { taskId, status: statusOf({ status }), revision }
  })

interface Updated {
  readonly row: TaskRow
  readonly known: TaskRow
  readonly weighed: Weighed | undefined
  readonly actor: string | null
}

/** Tells of the change; gives the task as it is then: what it has come to wait for may have ended it in the same breath. */
async function announce(tx: Transaction, { row, known, weighed, actor }: Updated): Promise<TaskRow> {
  const data = { status: row.status, title: row.title, externalId: row.externalId }
  tx.append({ type: 'task.updated', subject: row.id, actor, taskId: row.id, epic: row.epic, data })
  if (row.ready !== null && row.ready !== known.ready) offer(tx, row)
  const fails = row.status === 'blocked' && row.onDependencyFailure === 'fail'
  if (!weighed || weighed.lost.length === 0 || !fails) return row
  await failDependents(tx, weighed.lost, actor, row.id)
  const [failed] = await tx.run(findTask, { project: row.projectId, taskId: row.id })
  return failed ?? row
}
