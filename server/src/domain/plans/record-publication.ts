import { CoordinationError } from '@tony/mcp-shared/errors'
import { keptTask, maxNamedKeptTasks, type planCommitOutput } from '@tony/mcp-shared/plans'
import { and, eq, notExists, type SQL, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { Authorship } from '../tasks/new-task.ts'
import type { PlannedStatus } from './plan-mark.ts'

/** A plan that is being published. */
export interface Publication {
  readonly planId: string
  readonly authorship: Authorship
}

/** A task whose status here differs from the plan's and stays. */
interface KeptStatus {
  readonly externalId: string
  readonly status: string
  readonly planned: PlannedStatus
}

/** The effects of a step. */
export interface StepResult {
  created: number
  updated: number
  unchanged: number
  readonly kept: KeptStatus[]
}

interface StepParams {
  planId: string
  project: string
  created: number
  updated: number
  unchanged: number
  kept: number
  /** The kept tasks as lines of text; null for none. */
  lines: string | null
  now: number
}

const addStep = statement(({ db, t: { plans }, p }: StatementParts<StepParams>) =>
  db
    .update(plans)
    .set({
      created: sql`${plans.created} + ${p.created}`,
      updated: sql`${plans.updated} + ${p.updated}`,
      unchanged: sql`${plans.unchanged} + ${p.unchanged}`,
      keptTotal: sql`${plans.keptTotal} + ${p.kept}`,
      kept: appendedKeptSql(plans, sql`cast(${p.lines} as text)`),
      steppedAt: p.now,
    })
    .where(and(eq(plans.id, p.planId), eq(plans.projectId, p.project), equalsLiteral(plans.status, 'committing')))
    .returning({ id: plans.id })
    .prepare(),
)

/**
 * Adds the counts of a step to those of its plan, and its kept tasks as lines of text. Throws
 * ILLEGAL_TRANSITION if the plan was aborted.
 */
export async function recordStep(
  tx: Transaction,
  { planId, authorship: { project } }: Publication,
  { created, updated, unchanged, kept }: StepResult,
): Promise<void> {
  const named = kept.slice(0, maxNamedKeptTasks).map((task) => `${JSON.stringify(task)}\n`)
  const lines = named.length === 0 ? null : named.join('')
  const counts = { created, updated, unchanged, kept: kept.length }
  const [plan] = await tx.run(addStep, { planId, project, ...counts, lines, now: tx.now })
  if (!plan) throw publicationAbortedError(planId)
}

/** The named tasks with those of a step, unless there are none or enough are named. */
const appendedKeptSql = ({ kept, keptTotal }: Transaction['t']['plans'], lines: SQL) =>
  sql`(case when ${lines} is not null and ${keptTotal} < ${sql.raw(String(maxNamedKeptTasks))} then coalesce(${kept}, '') || ${lines} else ${kept} end)`

const publicationAbortedError = (planId: string) =>
  new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} was aborted during its publication`)

/** The final counts of a plan. */
export type PublicationResult = z.output<typeof planCommitOutput>

interface PublicationColumns {
  readonly created: number
  readonly updated: number
  readonly unchanged: number
  readonly keptTotal: number
  readonly kept: string | null
}

function publicationResultOf(
  planId: string,
  { keptTotal: total, kept, ...counts }: PublicationColumns,
): PublicationResult {
  const lines = (kept ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, maxNamedKeptTasks)
  return { planId, ...counts, kept: { total, tasks: lines.map((line) => keptTask.parse(JSON.parse(line))) } }
}

/** Ends the publication of a plan. The event is appended once, whoever ends it. */
export async function endPublication(tx: Transaction, { planId, authorship }: Publication): Promise<PublicationResult> {
  const { db, t } = tx
  const { plans } = t
  const own = and(eq(plans.id, planId), eq(plans.projectId, authorship.project))
  const { created, updated, unchanged, keptTotal, kept } = plans
  const counts = { created, updated, unchanged, keptTotal, kept }
  // Another call may have opened the plan again and staged more tasks.
  const stagedRows = db.select({ ord: t.planRows.ord }).from(t.planRows).where(eq(t.planRows.planId, planId))
  const [ended] = await db
    .update(plans)
    .set({ status: 'committed' })
    .where(and(own, eq(plans.status, 'committing'), notExists(stagedRows)))
    .returning({ name: plans.name, ...counts })
  if (!ended) {
    const [other] = await db
      .select(counts)
      .from(plans)
      .where(and(own, eq(plans.status, 'committed')))
    if (other) return publicationResultOf(planId, other)
    throw new CoordinationError('ILLEGAL_TRANSITION', `plan ${planId} has changed during its publication: look at it`)
  }
  const { name, ...counted } = ended
  const { kept: _, keptTotal: total, ...data } = counted
  tx.append({
    type: 'plan.committed',
    subject: planId,
    actor: authorship.createdBy,
    data: { name, ...data, kept: total },
  })
  return publicationResultOf(planId, counted)
}
