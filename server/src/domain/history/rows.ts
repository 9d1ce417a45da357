import { historyRanges } from '@tony/mcp-shared/history'
import { and, eq, gte, lt, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { ActivityCounts } from './activity.ts'
import type { ProjectState } from './gauges.ts'
import { stepOf } from './steps.ts'

interface StepParams extends ActivityCounts {
  project: string
  stepMs: number
  at: number
  state: string
  loopLagMs: number
}

/** Adds to the row of a step. The samples of one step, and those of replicas, share it. */
const addToStep = rowlessStatement(({ db, t, p }: StatementParts<StepParams>) => {
  const { historySteps: row } = t
  const plus = (column: SQLWrapper, more: SQL) => sql`${column} + ${more}`
  const larger = (column: SQLWrapper, other: SQL) =>
    sql`case when ${column} > ${other} then ${column} else ${other} end`
  return db
    .insert(row)
    .values({
      projectId: p.project,
      stepMs: p.stepMs,
      at: p.at,
      state: p.state,
      created: p.created,
      completed: p.completed,
      failed: p.failed,
      cancelled: p.cancelled,
      claimed: p.claimed,
      claimWaitMs: p.claimWaitMs,
      claimWaitMaxMs: p.claimWaitMaxMs,
      sent: p.sent,
      acked: p.acked,
      returned: p.returned,
      dead: p.dead,
      events: p.events,
      refused: p.refused,
      loopLagMs: p.loopLagMs,
    })
    .onConflictDoUpdate({
      target: [row.projectId, row.stepMs, row.at],
      set: {
        state: p.state,
        created: plus(row.created, p.created),
        completed: plus(row.completed, p.completed),
        failed: plus(row.failed, p.failed),
        cancelled: plus(row.cancelled, p.cancelled),
        claimed: plus(row.claimed, p.claimed),
        claimWaitMs: plus(row.claimWaitMs, p.claimWaitMs),
        claimWaitMaxMs: larger(row.claimWaitMaxMs, p.claimWaitMaxMs),
        sent: plus(row.sent, p.sent),
        acked: plus(row.acked, p.acked),
        returned: plus(row.returned, p.returned),
        dead: plus(row.dead, p.dead),
        events: plus(row.events, p.events),
        refused: plus(row.refused, p.refused),
        loopLagMs: larger(row.loopLagMs, p.loopLagMs),
      },
    })
    .prepare()
})

const deleteOldSteps = rowlessStatement(
  ({ db, t, p }: StatementParts<{ project: string; stepMs: number; before: number }>) =>
    db
      .delete(t.historySteps)
      .where(
        and(
          eq(t.historySteps.projectId, p.project),
          eq(t.historySteps.stepMs, p.stepMs),
          lt(t.historySteps.at, p.before),
        ),
      )
      .prepare(),
)

export const findSteps = statement(
  ({ db, t, p }: StatementParts<{ project: string; stepMs: number; from: number; until: number }>) =>
    db
      .select()
      .from(t.historySteps)
      .where(
        and(
          eq(t.historySteps.projectId, p.project),
          eq(t.historySteps.stepMs, p.stepMs),
          gte(t.historySteps.at, p.from),
          lt(t.historySteps.at, p.until),
        ),
      )
      .prepare(),
)

/** The state and the counts of a project in one step of the shortest length. */
export interface HistorySample {
  readonly project: string
  /** Begin of the step. */
  readonly at: number
  readonly state: ProjectState
  readonly counts: ActivityCounts
  readonly loopLagMs: number
}

/**
 * Writes a sample into its step of each length, and deletes the steps that are too old. A project
 * therefore never has more rows than the ranges have steps.
 */
export async function saveSample(tx: Transaction, { project, at, state, counts, loopLagMs }: HistorySample) {
  const text = JSON.stringify(state)
  for (const { stepMs, steps } of Object.values(historyRanges)) {
    const step = stepOf(at, stepMs)
    await tx.run(addToStep, { ...counts, project, stepMs, at: step, state: text, loopLagMs })
    await tx.run(deleteOldSteps, { project, stepMs, before: step - steps * stepMs })
  }
}
