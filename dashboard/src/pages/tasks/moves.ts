import type { Client, Task } from '@tony/mcp-client'
import { taskTransitions } from '@tony/mcp-shared/task-transitions'

type TaskStatus = Task['status']

/** An act of an operator that moves a task, by the name of its transition. */
export interface Move {
  readonly transition: 'cancel' | 'retry' | 'accept' | 'reject'
  readonly run: (client: Client, taskId: string) => Promise<unknown>
  readonly done: string
}

const moves: readonly Move[] = [
  {
    transition: 'cancel',
    run: (client, taskId) => client.tasks.cancel({ taskId, reason: 'cancelled on the board' }),
    done: 'The task is cancelled.',
  },
  {
    transition: 'retry',
    run: (client, taskId) => client.tasks.retry({ taskId }),
    done: 'The task is in the queue again.',
  },
  {
    transition: 'accept',
    run: (client, taskId) => client.tasks.verify({ taskId, accept: true }),
    done: 'The result is accepted.',
  },
  {
    transition: 'reject',
    run: (client, taskId) => client.tasks.verify({ taskId, accept: false }),
    done: 'The task is back in the queue.',
  },
]

const isFrom = (transition: Move['transition'], status: TaskStatus): boolean => {
  const from: readonly TaskStatus[] = taskTransitions[transition].from
  return from.includes(status)
}

/** Returns the act that moves a task from one column to another; undefined if none is legal. */
export const moveBetween = (from: TaskStatus, to: TaskStatus): Move | undefined =>
  moves.find(({ transition }) => taskTransitions[transition].to === to && isFrom(transition, from))

/** True if an operator's act leads out of a column, so that its cards may be dragged. */
export const canLeave = (from: TaskStatus): boolean => moves.some(({ transition }) => isFrom(transition, from))
