import { AgentText } from '../../ui/agent-text.tsx'
import { Card } from '../../ui/card.tsx'
import { Status } from '../../ui/status.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import type { StuckTask } from './stuck-tasks.ts'

/** A task that does not go on by itself, with the reasons. */
export const StuckCard = ({ stuck: { task, why, others } }: { readonly stuck: StuckTask }) => (
  <Card kind="Stuck" title={<TaskLink task={task} />} at={task.createdAt}>
    <p>
      <Status value={task.status} /> {others === 0 ? null : `and ${others} more for the same reasons`}
    </p>
    <ul>
      {why.map((reason) => (
        <li key={reason}>
          <AgentText>{reason}</AgentText>
        </li>
      ))}
    </ul>
    <p className="muted">Its page has the acts that help: hold, retry, cancel, and the tasks that it waits for.</p>
  </Card>
)
