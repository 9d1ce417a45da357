import type { Task } from '@tony/mcp-client'
import { useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useNames } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { Json } from '../../ui/json.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import { metricsKey } from './use-needs-count.ts'

/** A result that waits for its verdict. */
export function ReviewCard({ task }: { readonly task: Task }) {
  const nameOf = useNames()
  return (
    <Card kind="Review" title={<TaskLink task={task} />} at={task.createdAt}>
      {task.acceptanceCriteria === null ? null : (
        <p className="agent-text">
          <AgentText>{task.acceptanceCriteria}</AgentText>
        </p>
      )}
      <Json label="Result" value={task.result} />
      <p className="muted">completed by {nameOf(task.claimedBy)}</p>
      <VerdictForm task={task} />
    </Card>
  )
}

interface Verdict {
  readonly accept: boolean
  readonly note: string | undefined
}

export function VerdictForm({ task }: { readonly task: Task }) {
  const [note, setNote] = useState('')
  const canVerify = useCan()('tasks:verify')
  const verify = useAct({
    run: (client, verdict: Verdict) => client.tasks.verify({ taskId: task.id, ...verdict }),
    done: ({ accept }) => (accept ? 'The result is accepted.' : 'The task is back in the queue, with the note.'),
    outdates: [metricsKey, ['tasks', 'get', task.id]],
  })
  if (!canVerify) return <p className="muted">This key reads. A key of the role tester or tech-lead reviews.</p>
  const decide = (accept: boolean) => verify.mutate({ accept, note: note.trim() === '' ? undefined : note })
  return (
    <div className="answer">
      <input
        aria-label={`Note on ${task.title ?? task.type}`}
        placeholder="Note, for the next attempt"
        value={note}
        onChange={({ target }) => setNote(target.value)}
      />
      <Button kind="primary" disabled={verify.isPending} onClick={() => decide(true)}>
        Accept
      </Button>
      <Button kind="danger" disabled={verify.isPending} onClick={() => decide(false)}>
        Reject
      </Button>
    </div>
  )
}
