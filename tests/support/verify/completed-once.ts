import type { Checker } from './checker.ts'
import { eventsOfType, importedReopens } from './lookups.ts'
import { violation } from './violation.ts'

/**
 * A rejected task is completed again, so it has one completion for each submission. So is a task
 * that the source of its plan has opened again.
 */
export const completedOnce: Checker = ({ leaseWrites }, stored) => {
  const completions = leaseWrites.filter((write) => write.f === 'complete' && write.outcome === 'ok')
  return [...Map.groupBy(completions, (write) => write.taskId)]
    .filter(([taskId, writes]) => {
      const submissions = eventsOfType(stored, taskId, 'task.submitted').length
      return writes.length > Math.max(1, submissions) + importedReopens(stored, taskId)
    })
    .map(([taskId, writes]) => violation('completed-once', `task ${taskId}`, writes))
}
