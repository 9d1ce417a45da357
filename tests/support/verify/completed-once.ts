import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

/** What a verdict sent back is completed again: once for each time it was submitted. */
export const completedOnce: Checker = ({ leaseWrites }, stored) => {
  const completions = leaseWrites.filter((write) => write.f === 'complete' && write.outcome === 'ok')
  return [...Map.groupBy(completions, (write) => write.taskId)]
    .filter(([taskId, writes]) => writes.length > Math.max(1, eventsOfType(stored, taskId, 'task.submitted').length))
    .map(([taskId, writes]) => violation('completed-once', `task ${taskId}`, writes))
}
