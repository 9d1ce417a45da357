import type { Client, Task } from '@tony/mcp-client'
import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useCan } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { Group } from '../../ui/group.tsx'
import { metricsKey } from '../needs-you/use-needs-count.ts'

interface ActButtonProps {
  readonly label: string
  readonly done: string
  readonly kind?: 'danger'
  readonly disabled?: boolean
  readonly task: Task
  readonly run: (client: Client) => Promise<unknown>
}

function ActButton({ label, done, kind, disabled, task, run }: ActButtonProps) {
  const act = useAct({
    run: (client, _: undefined) => run(client),
    done: () => done,
    outdates: [metricsKey, ['tasks', 'get', task.id], ['tasks', 'explain', task.id]],
  })
  return (
    <Button {...(kind ? { kind } : {})} disabled={disabled || act.isPending} onClick={() => act.mutate(undefined)}>
      {label}
    </Button>
  )
}

const isLegal = (transition: 'retry' | 'cancel', { status }: Task): boolean => {
  const from: readonly Task['status'][] = taskTransitions[transition].from
  return from.includes(status)
}

/** The acts that are legal now: retry, hold, unhold and cancel. Some of them have a reason. */
export function TaskActs({ task }: { readonly task: Task }) {
  const can = useCan()
  const [reason, setReason] = useState('')
  const taskId = task.id
  const mayHold = can('tasks:manage') && isLegal('cancel', task)
  const mayCancel = can('tasks:cancel') && isLegal('cancel', task)
  const mayRetry = can('tasks:manage') && isLegal('retry', task)
  if (!mayHold && !mayCancel && !mayRetry) return null
  const given = reason.trim()
  return (
    <Group label="Acts" className="answer">
      {mayRetry ? (
        <ActButton
          task={task}
          label="Retry"
          done="The task is in the queue again."
          run={(client) => client.tasks.retry({ taskId })}
        />
      ) : null}
      {mayHold || mayCancel ? (
        <input
          aria-label="Reason"
          placeholder="Reason"
          value={reason}
          onChange={({ target }) => setReason(target.value)}
        />
      ) : null}
      {mayHold ? <HoldButton task={task} reason={given} /> : null}
      {mayCancel ? (
        <ActButton
          task={task}
          label="Cancel"
          kind="danger"
          done="The task is cancelled."
          run={(client) => client.tasks.cancel({ taskId, reason: given === '' ? undefined : given })}
        />
      ) : null}
    </Group>
  )
}

function HoldButton({ task, reason }: { readonly task: Task; readonly reason: string }) {
  const taskId = task.id
  if (task.hold !== null)
    return (
      <ActButton
        task={task}
        label="Unhold"
        done="The hold is lifted."
        run={(client) => client.tasks.unhold({ taskId })}
      />
    )
  return (
    <ActButton
      task={task}
      label="Hold"
      done="No agent gets the task until it is unheld."
      disabled={reason === ''}
      run={(client) => client.tasks.hold({ taskId, reason })}
    />
  )
}
