import { historyRanges, type systemHistoryInput, type systemHistoryOutput } from '@tony/mcp-shared/history'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type ProjectState, projectState } from '../../domain/history/gauges.ts'
import { findSteps } from '../../domain/history/rows.ts'
import { stepOf } from '../../domain/history/steps.ts'
import { iso } from '../../platform/times.ts'
import type { Tables } from '../../store/tables/tables.ts'

interface Step extends Omit<Tables['historySteps']['$inferSelect'], 'state'> {
  readonly state: ProjectState
}

type Series = (number | null)[]

/** Returns the series of states: those of the tasks by status, and of the queue by priority. */
function statesOf(series: (read: (step: Step) => number) => Series) {
  const tasks = (status: keyof ProjectState['tasks']) => series(({ state }) => state.tasks[status])
  const byPriority = (name: 'pending' | 'oldestReadyMs') => ({
    critical: series(({ state }) => state[name].critical),
    high: series(({ state }) => state[name].high),
    normal: series(({ state }) => state[name].normal),
    low: series(({ state }) => state[name].low),
  })
  return {
    tasks: {
      blocked: tasks('blocked'),
      pending: tasks('pending'),
      in_progress: tasks('in_progress'),
      input_required: tasks('input_required'),
      in_review: tasks('in_review'),
      completed: tasks('completed'),
      failed: tasks('failed'),
      cancelled: tasks('cancelled'),
    },
    pending: byPriority('pending'),
    oldestReadyMs: byPriority('oldestReadyMs'),
    lockWaitShare: series(({ state }) => state.lockWaitShare),
    databaseBytes: series(({ state }) => state.databaseBytes),
  }
}

/** `system.history`: the history of the caller's project, up to the last step that has ended. */
export const getSystemHistory = (
  ctx: Context,
  { range }: z.output<typeof systemHistoryInput>,
): Promise<z.output<typeof systemHistoryOutput>> =>
  ctx.read(async (reader) => {
    const { stepMs, steps } = historyRanges[range]
    const until = stepOf(reader.now, stepMs)
    const from = until - steps * stepMs
    const rows = await reader.run(findSteps, { project: ctx.principal.project, stepMs, from, until })
    const byStep = new Map(
      rows.map((row) => [(row.at - from) / stepMs, { ...row, state: projectState.parse(JSON.parse(row.state)) }]),
    )
    const series = (read: (step: Step) => number | null): Series =>
      Array.from({ length: steps }, (_, index) => {
        const step = byStep.get(index)
        return step ? read(step) : null
      })
    return {
      range,
      from: iso(from),
      stepMs,
      ...statesOf(series),
      created: series(({ created }) => created),
      completed: series(({ completed }) => completed),
      failed: series(({ failed }) => failed),
      cancelled: series(({ cancelled }) => cancelled),
      claimed: series(({ claimed }) => claimed),
      claimWaitMs: series(({ claimed, claimWaitMs }) => (claimed === 0 ? null : Math.round(claimWaitMs / claimed))),
      claimWaitMaxMs: series(({ claimWaitMaxMs }) => claimWaitMaxMs),
      messagesSent: series(({ sent }) => sent),
      messagesAcked: series(({ acked }) => acked),
      messagesReturned: series(({ returned }) => returned),
      messagesDead: series(({ dead }) => dead),
      events: series(({ events }) => events),
      refused: series(({ refused }) => refused),
      loopLagMs: series(({ loopLagMs }) => loopLagMs),
    }
  })
