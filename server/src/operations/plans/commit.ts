import { createHash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { type PlannedTask, type planCommitInput, type planCommitOutput, plannedTask } from '@tony/mcp-shared/plans'
import { and, eq } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { actorOf, type Principal } from '../../domain/principal.ts'
import { dependencyOrder } from '../../domain/tasks/dependency-order.ts'
import { enqueueTask } from '../../domain/tasks/enqueue.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import { requireOpenPlan } from './require-plan.ts'
import { updatePlannedTask } from './update.ts'

const findImported = statement(({ db, t, p }: Query<{ project: string; externalId: string }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.externalId, p.externalId)))
    .prepare(),
)

interface StagedTask {
  readonly key: string
  readonly after: readonly string[]
  readonly planned: PlannedTask
  readonly hash: string
}

async function readStaged({ db, t }: Transaction, planId: string): Promise<StagedTask[]> {
  const rows = await db
    .select({ spec: t.planRows.spec })
    .from(t.planRows)
    .where(eq(t.planRows.planId, planId))
    .orderBy(t.planRows.ord)
  return rows.map(({ spec }) => {
    const planned = plannedTask.parse(JSON.parse(spec))
    const hash = createHash('sha256').update(spec).digest('base64url')
    return { key: planned.externalId, after: planned.dependsOn, planned, hash }
  })
}

/**
 * Maps external ids to ids: those of tasks that were imported before, and new ones for the others.
 */
async function assignTaskIds(
  tx: Transaction,
  project: string,
  staged: readonly StagedTask[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  const names = new Set<string>()
  for (const { key, after, planned } of staged) {
    for (const name of [key, ...after]) names.add(name)
    if (planned.parentId !== undefined) names.add(planned.parentId)
  }
  for (const externalId of names) {
    const [known] = await tx.run(findImported, { project, externalId })
    if (known) ids.set(externalId, known.id)
  }
  for (const { key } of staged) if (!ids.has(key)) ids.set(key, uuidv7())
  return ids
}

function resolveTaskId(ids: ReadonlyMap<string, string>, externalId: string, of: string): string {
  const id = ids.get(externalId)
  if (id === undefined)
    throw new CoordinationError(
      'INVALID_INPUT',
      `task ${of} refers to ${externalId}, which is neither in this plan nor in the project`,
    )
  return id
}

async function applyStagedTask(
  tx: Transaction,
  principal: Principal,
  staged: StagedTask,
  ids: ReadonlyMap<string, string>,
) {
  const { externalId, status, parentId, dependsOn, ...spec } = staged.planned
  const [known] = await tx.run(findImported, { project: principal.project, externalId })
  if (known?.planHash === staged.hash) return 'unchanged'
  const parent = parentId === undefined ? {} : { parentId: resolveTaskId(ids, parentId, externalId) }
  const dependencies = dependsOn.map((name) => resolveTaskId(ids, name, externalId))
  const task = { ...spec, ...parent, dependsOn: dependencies }
  if (known) {
    await updatePlannedTask(tx, principal, known, task, staged.hash)
    return 'updated'
  }
  const origin = { id: resolveTaskId(ids, externalId, externalId), externalId, planHash: staged.hash }
  await enqueueTask(tx, principal, task, status === 'pending' ? origin : { ...origin, ended: status })
  return 'created'
}

/** `plans.commit`: publishes all staged tasks in one transaction. */
export const commitPlan = (
  ctx: Context,
  input: z.output<typeof planCommitInput>,
): Promise<z.output<typeof planCommitOutput>> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { planId } = input
    const { name } = await requireOpenPlan(tx, project, planId)
    const staged = await readStaged(tx, planId)
    const ordered = dependencyOrder(staged)
    const ids = await assignTaskIds(tx, project, staged)
    const counts = { created: 0, updated: 0, unchanged: 0 }
    for (const row of ordered) counts[await applyStagedTask(tx, ctx.principal, row, ids)] += 1
    await tx.db.update(tx.t.plans).set({ status: 'committed' }).where(eq(tx.t.plans.id, planId))
    await tx.db.delete(tx.t.planRows).where(eq(tx.t.planRows.planId, planId))
    tx.append({ type: 'plan.committed', subject: planId, actor: actorOf(ctx.principal), data: { name, ...counts } })
    return { planId, ...counts }
  })
