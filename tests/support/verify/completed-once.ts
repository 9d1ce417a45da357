import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

/** A rejected task is completed again, so it has one completion for each submission. */
export const completedOnce: Checker = ({ leaseWrites }, stored) => {
  const completions = leaseWrites.filter((write) => write.f === 'complete' && write.outcome === 'ok')
  return [...Map.groupBy(completions, (write) => write.taskId)]
    .filter(([taskId, writes]) => writes.length > Math.max(1, eventsOfType(stored, taskId, 'task.submitted').length))
    .map(([taskId, writes]) => violation('completed-once', `task ${taskId}`, writes))
}
