import type { Task } from '@tony/mcp-client'
import { type FormEvent, useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useNames } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { TimeLeft } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import { metricsKey } from './use-needs-count.ts'

/** A question of an agent, with its options and a field for any other answer. */
export function QuestionCard({ task }: { readonly task: Task }) {
  const nameOf = useNames()
  const { inputRequest } = task
  return (
    <Card kind="Question" title={<TaskLink task={task} />} at={inputRequest?.at ?? task.createdAt}>
      <p className="agent-text">
        <AgentText>{inputRequest?.question ?? 'The question is being read …'}</AgentText>
      </p>
      <p className="muted">
        {inputRequest ? `asked by ${nameOf(inputRequest.by)}` : null}
        {inputRequest?.deadlineAt ? (
          <>
            {' · '}time left <TimeLeft until={inputRequest.deadlineAt} />
          </>
        ) : null}
      </p>
      <AnswerForm task={task} />
    </Card>
  )
}

export function AnswerForm({ task }: { readonly task: Task }) {
  const [text, setText] = useState('')
  const canAnswer = useCan()('tasks:manage')
  const answer = useAct({
    run: (client, given: string) =>
      client.tasks.provideInput({ taskId: task.id, answer: given, attempt: task.attempt }),
    done: () => 'The answer is stored: the next attempt gets it.',
    outdates: [metricsKey, ['tasks', 'get', task.id]],
  })
  if (!canAnswer) return <p className="muted">This key reads. A key of the role tech-lead answers.</p>
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() !== '') answer.mutate(text)
  }
  return (
    <form onSubmit={submit} className="answer">
      {task.inputRequest?.options?.map((option) => (
        <Button key={option} disabled={answer.isPending} onClick={() => answer.mutate(option)}>
          <AgentText>{option}</AgentText>
        </Button>
      ))}
      <input
        aria-label={`Answer to ${task.title ?? task.type}`}
        placeholder="Answer"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <Button type="submit" kind="primary" disabled={answer.isPending || text.trim() === ''}>
        Answer
      </Button>
    </form>
  )
}
