import type { TaskStatus } from './task-statuses.ts'

/** The fields of `tasks.explain` that decide if a task is stuck. */
interface Explanation {
  readonly status: TaskStatus
  readonly claimable: boolean
  readonly reasons: readonly { readonly predicate: string; readonly message: string }[]
  readonly agents: readonly { readonly excludedBy: readonly string[] }[]
}

/** A dependency that has ended in another way than it had to. */
const isLostDependency = (message: string): boolean => message.includes('stays blocked')

/** Reasons that pass when other work or time goes on. */
const passingPredicates: ReadonlySet<string> = new Set(['not_before', 'lock'])

/**
 * Returns the reasons for which a task does not go on by itself; empty if it does. A question and a
 * review always wait for a caller.
 */
export function stuckReasonsOf({ status, reasons, claimable, agents }: Explanation): string[] {
  const messages = reasons.map(({ message }) => message)
  if (status === 'blocked' || (status === 'pending' && reasons.length > 0))
    return reasons
      .filter(({ predicate, message }) =>
        predicate === 'dependencies' ? isLostDependency(message) : !passingPredicates.has(predicate),
      )
      .map(({ message }) => message)
  if (status !== 'pending') return messages
  if (claimable) return []
  if (agents.length === 0) return ['there are no agents']
  const lacking = agents.filter(({ excludedBy }) => excludedBy.includes('requires')).length
  return [
    `no live agent may take it${lacking === 0 ? '' : `: ${lacking} of ${agents.length} lack a required capability`}`,
  ]
}
