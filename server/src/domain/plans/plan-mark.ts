import { type PlannedTask, plannedStatuses } from '@tony/mcp-shared/plans'

/** The status of a task at its source. */
export type PlannedStatus = PlannedTask['status']

/** The plan row of the last import of a task. */
export interface PlanMark {
  /** The status that the task has followed; undefined if an older version has imported it. */
  readonly status: PlannedStatus | undefined
  readonly hash: string
}

/** Returns a mark as the column `plan_hash` has it. The hash has no full stop. */
export const toPlanMark = ({ status, hash }: PlanMark): string => (status === undefined ? hash : `${status}.${hash}`)

/** Returns the mark of a task; null for a task of no plan. */
export function planMarkOf(planHash: string | null): PlanMark | null {
  if (planHash === null) return null
  const [first = '', hash] = planHash.split('.')
  return hash === undefined
    ? { status: undefined, hash: first }
    : { status: plannedStatuses.find((status) => status === first), hash }
}
