import type { Task } from '@tony/mcp-client'
import { Card } from '../../ui/card.tsx'
import { Status } from '../../ui/status.tsx'
import { TaskLink } from '../../ui/task-link.tsx'

interface StuckCardProps {
  readonly task: Task
  readonly why: readonly string[]
}

/** A task that does not go on by itself, with the reasons. */
export const StuckCard = ({ task, why }: StuckCardProps) => (
  <Card kind="Stuck" title={<TaskLink task={task} />} at={task.createdAt}>
    <p>
      <Status value={task.status} />
    </p>
    <ul>
      {why.map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
    <p className="muted">Its page has the acts that help: hold, retry, cancel, and the tasks that it waits for.</p>
  </Card>
)
