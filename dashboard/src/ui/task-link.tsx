import { Link } from '@tanstack/react-router'
import { AgentText } from './agent-text.tsx'
import { shortId } from './format.ts'

interface TaskLinkProps {
  readonly task: { readonly id: string; readonly title: string | null; readonly type?: string }
}

/** The name of a task as a link to its page. The title is text of an agent and stays text. */
export const TaskLink = ({ task: { id, title, type } }: TaskLinkProps) => (
  <Link to="/tasks/$taskId" params={{ taskId: id }} className="task-link" title={id}>
    <AgentText>{title ?? type ?? shortId(id)}</AgentText>
  </Link>
)
