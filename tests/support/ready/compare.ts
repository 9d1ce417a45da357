import { publishPlan } from '../../../cli/src/plan/publish.ts'
import { readPlan } from '../../../cli/src/plan/read.ts'
import { ManualClock } from '../clock.ts'
import { TestServer } from '../server.ts'
import { beadsReason, issuesOf, readyInBeads } from './beads.ts'
import { listsOf, readyInTaskmaster, taskmasterReason } from './taskmaster.ts'

/** A task that may be taken in one place only. */
export interface Difference {
  readonly id: string
  readonly where: 'source' | 'here'
  /** Undefined if no known reason explains it. */
  readonly reason: string | undefined
}

export interface Comparison {
  readonly tasks: number
  /** The number of tasks that may be taken at the source. */
  readonly ready: number
  readonly differences: readonly Difference[]
}

/** The time at which a plan is read. Deferrals are compared with it. */
export const readAt = Date.UTC(2026, 10, 30)

/** Imports a file into a server of its own and claims until there is nothing left. */
async function claimAll(file: string): Promise<{ tasks: number; claimed: Set<string> }> {
  await using server = await TestServer.start({ clock: new ManualClock(readAt) })
  const plan = await readPlan(file, { replay: false, skipBad: true })
  await publishPlan(server.connect(), plan)
  const { tasks: claimer } = await server.agent('claimer')
  const claimed = new Set<string>()
  for (;;) {
    const { tasks } = await claimer.claim({ limit: 32 })
    if (tasks.length === 0) return { tasks: plan.tasks.length, claimed }
    for (const { externalId } of tasks) claimed.add(externalId ?? '')
  }
}

/** Compares the tasks that may be taken at the source of a plan with the claimable ones here. */
export async function compareReady(format: 'beads' | 'taskmaster', file: string, text: string): Promise<Comparison> {
  const { tasks, claimed } = await claimAll(file)
  const [ready, reasonOf] = format === 'beads' ? ruleOfBeads(text) : ruleOfTaskmaster(text)
  const differences = [
    ...ready.filter((id) => !claimed.has(id)).map((id) => ({ id, where: 'source' as const })),
    ...[...claimed].filter((id) => !ready.includes(id)).map((id) => ({ id, where: 'here' as const })),
  ].map((difference) => ({ ...difference, reason: reasonOf(difference) }))
  return { tasks, ready: ready.length, differences }
}

type Rule = readonly [string[], (difference: Pick<Difference, 'id' | 'where'>) => string | undefined]

function ruleOfBeads(text: string): Rule {
  const issues = issuesOf(text)
  return [readyInBeads(issues, readAt), (difference) => beadsReason(issues, difference)]
}

function ruleOfTaskmaster(text: string): Rule {
  const lists = listsOf(text)
  return [readyInTaskmaster(lists), (difference) => taskmasterReason(lists, difference)]
}
