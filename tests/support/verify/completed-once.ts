import { type Checker, violation } from './violation.ts'

export const completedOnce: Checker = ({ leaseWrites }) => {
  const completions = leaseWrites.filter((write) => write.f === 'complete' && write.outcome === 'ok')
  return [...Map.groupBy(completions, (write) => write.taskId)]
    .filter(([, writes]) => writes.length > 1)
    .map(([taskId, writes]) => violation('completed-once', `task ${taskId}`, writes))
}
