import { historyRanges } from '@tony/mcp-shared/history'
import type { Services } from '../domain/context.ts'
import { readProjectState } from '../domain/history/gauges.ts'
import { saveSample } from '../domain/history/rows.ts'
import { stepOf } from '../domain/history/steps.ts'
import type { Sweep } from './runner.ts'

/** Writes the sample of a project for one step. An empty project has no history. */
async function recordStep(services: Services, project: string, at: number): Promise<void> {
  const { store, history } = services
  const databaseBytes = await history.databaseBytesOf(at, () => store.databaseBytes())
  const state = await store.read((reader) => readProjectState(reader, services, { project, databaseBytes }))
  if (!state) return
  const counts = history.activity.take(project)
  try {
    const sample = { project, at, state, counts, loopLagMs: history.loopLagMsOf(at) }
    await store.transact({ project }, (tx) => saveSample(tx, sample))
  } catch (error) {
    // The next sample has them. A commit of unknown outcome may so be counted twice.
    history.activity.putBack(project, counts)
    throw error
  }
}

/** Records the counts since the last sample of each project, at the end of the server. */
export async function recordLastStep(services: Services): Promise<void> {
  for (const project of services.history.activity.projects)
    await recordStep(services, project, stepOf(services.now(), historyRanges['1h'].stepMs))
}

/** Writes a sample of each project into its history, once in each step of 10 s. */
export const recordHistory: Sweep = {
  name: 'record-history',
  everyMs: 1_000,
  batch: async (services, project) => {
    await services.history.recordEndedStep(project, services.now(), (at) => recordStep(services, project, at))
    return 0
  },
}
