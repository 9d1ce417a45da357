import { useParams } from '@tanstack/react-router'
import type { Task } from '@tony/mcp-client'
import { useNames } from '../../data/use-names.ts'
import { Age, TimeLeft } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Json } from '../../ui/json.tsx'
import { LeaseLeft } from '../../ui/lease-left.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Status } from '../../ui/status.tsx'
import { AnswerForm } from '../needs-you/question-card.tsx'
import { VerdictForm } from '../needs-you/review-card.tsx'
import { TaskActs } from './acts.tsx'
import { Neighbours } from './neighbours.tsx'
import { OrphanResults } from './orphan-results.tsx'
import { TaskMessages } from './task-messages.tsx'
import { Timeline } from './timeline.tsx'
import { taskKeyOf, useTask } from './use-task.ts'
import { WhyNotRunning } from './why.tsx'

/** Everything about one task. */
export function TaskPage() {
  const { taskId } = useParams({ from: '/tasks/$taskId' })
  const query = useTask(taskId)
  return (
    <section className="page">
      <QueryState query={query} what="the task">
        {(task) => <TaskDetails key={task.id} task={task} />}
      </QueryState>
    </section>
  )
}

/** The key of this component is the task, so that text typed for one never reaches another. */
function TaskDetails({ task }: { readonly task: Task }) {
  return (
    <>
      <h1>
        <AgentText>{task.title ?? task.type}</AgentText>
      </h1>
      <p>
        <Status value={task.status} /> {task.hold === null ? null : <Status value="held" />}{' '}
        <span className="muted">
          <AgentText>{task.type}</AgentText> · {task.priority} · <code>{task.id}</code>
        </span>
      </p>
      <WhyNotRunning task={task} />
      <TaskActs task={task} />
      {task.status === 'input_required' ? (
        <section aria-label="Question">
          <p className="agent-text">
            <AgentText>{task.inputRequest?.question}</AgentText>
          </p>
          <AnswerForm task={task} />
        </section>
      ) : null}
      {task.status === 'in_review' ? <VerdictForm task={task} /> : null}
      <Facts task={task} />
      <Texts task={task} />
      <Json label="Result" value={task.result} />
      <OrphanResults task={task} />
      <Neighbours task={task} />
      <Timeline taskId={task.id} />
      <TaskMessages taskId={task.id} />
    </>
  )
}

function Facts({ task }: { readonly task: Task }) {
  const nameOf = useNames()
  return (
    <dl className="facts">
      <Fact label="Agent">{task.claimedBy === null ? undefined : nameOf(task.claimedBy)}</Fact>
      <Fact label="Lease left">
        {task.leaseExpiresAt === null ? undefined : (
          <LeaseLeft until={task.leaseExpiresAt} queryKey={taskKeyOf(task.id)} />
        )}
      </Fact>
      <Fact label="Attempt">{`${task.attempt}, ${task.failures} of ${task.maxAttempts} failures`}</Fact>
      <Fact label="Progress">
        {task.progress === null ? undefined : `${task.progress.percent ?? '–'} % ${task.progress.message ?? ''}`}
      </Fact>
      <Fact label="Error">{task.error ?? undefined}</Fact>
      <Fact label="Hold">{task.hold?.reason}</Fact>
      <Fact label="Epic">{task.epic ?? undefined}</Fact>
      <Fact label="Needs">{task.requires.length === 0 ? undefined : task.requires.join(', ')}</Fact>
      <Fact label="Locks">{task.locks.length === 0 ? undefined : task.locks.join(', ')}</Fact>
      <Fact label="Only for">{task.assignedTo === null ? undefined : nameOf(task.assignedTo)}</Fact>
      <Fact label="Created">
        <Age at={task.createdAt} /> ago by {nameOf(task.createdBy)}
      </Fact>
      <Fact label="Time limit">{task.timeoutAt === null ? undefined : <TimeLeft until={task.timeoutAt} />}</Fact>
    </dl>
  )
}

interface FactProps {
  readonly label: string
  readonly children: React.ReactNode
}

function Fact({ label, children }: FactProps) {
  if (children === undefined) return null
  return (
    <>
      <dt>{label}</dt>
      <dd>{typeof children === 'string' ? <AgentText>{children}</AgentText> : children}</dd>
    </>
  )
}

const textFields = [
  ['Description', 'description'],
  ['Acceptance criteria', 'acceptanceCriteria'],
  ['Design', 'design'],
  ['Notes', 'notes'],
] as const

const Texts = ({ task }: { readonly task: Task }) =>
  textFields.map(([label, field]) =>
    task[field] === null ? null : (
      <section key={field}>
        <h2>{label}</h2>
        <p className="agent-text">
          <AgentText>{task[field]}</AgentText>
        </p>
      </section>
    ),
  )
